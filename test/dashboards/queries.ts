import { readdirSync } from 'node:fs';
import path from 'node:path';

import { readPage, root } from '../documentation/markdown.ts';

const folder = 'deploy/grafana/dashboards';

/** What is committed, as Grafana reads it; of the parts that are looked at here. */
export interface GrafanaDashboard {
  readonly uid: string;
  readonly title: string;
  readonly templating: {
    readonly list: readonly {
      readonly type: string;
      readonly name: string;
      readonly query: string;
    }[];
  };
  readonly panels: readonly GrafanaPanel[];
}

export interface GrafanaPanel {
  readonly id: number;
  readonly type: 'row' | 'timeseries' | 'stat';
  readonly title: string;
  readonly description?: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly datasource?: { readonly uid: string };
  readonly fieldConfig: { readonly defaults: { readonly unit: string } };
  readonly targets: readonly {
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}

export function committedDashboards(): GrafanaDashboard[] {
  return readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readPage(path.join(folder, name))) as GrafanaDashboard);
}

/** As Grafana does it, for a scrape a second: a rate needs four of them, and a late one is no gap. */
const rateInterval = '15s';

/** The query with its variables replaced, each by one value. */
export function expand(expression: string, chosen: Readonly<Record<string, string>>): string {
  return expression.replaceAll(/\$(\w+)/g, (whole, name: string) => {
    if (name === '__rate_interval') return rateInterval;
    const value = chosen[name];
    if (value === undefined) throw new Error(`nothing says what ${whole} is`);
    return value;
  });
}
