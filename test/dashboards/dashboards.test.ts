import { describe, expect, it, test } from 'vitest';

import { until } from '../delivery/rig.ts';
import { readPage } from '../documentation/markdown.ts';
import { whyNotWith } from '../alerts/tools.ts';
import { committedDashboards, expand, type GrafanaDashboard } from './queries.ts';
import { chosen, startObservedService, type ObservedService } from './observed-service.ts';

const dashboards = committedDashboards();

describe('the dashboards', () => {
  it.each(dashboards)(
    '$title: has a place for each panel, and asks the Prometheus that is chosen',
    (dashboard) => {
      const ids = dashboard.panels.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      for (const { type, targets, datasource, gridPos, description } of dashboard.panels) {
        expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
        if (type === 'row') continue;
        expect(description).toBeTruthy();
        expect(targets.length).toBeGreaterThan(0);
        for (const asked of [datasource, ...targets.map((target) => target.datasource)]) {
          expect(asked).toEqual({ type: 'prometheus', uid: '${datasource}' });
        }
      }
    },
  );

  it('are all shown on their page, under their titles, with a picture', () => {
    const page = readPage('docs/operate/dashboards.md');
    for (const { title, uid } of dashboards) {
      const name = title.replace('Headgate: ', '');
      expect(page).toContain(`## ${name[0]!.toUpperCase()}${name.slice(1)}\n`);
      expect(page).toContain(`(../images/${uid}.svg)`);
      const picture = readPage(`docs/images/${uid}.svg`);
      for (const panel of dashboards.find((one) => one.uid === uid)!.panels) {
        expect(picture).toContain(`>${panel.title}<`);
      }
    }
  });
});

interface Answer {
  readonly result: readonly { readonly value: readonly [number, string] }[];
}

/** Panels without a figure, or with a query that Prometheus does not take. */
async function emptyPanels(
  { prometheus }: ObservedService,
  dashboard: GrafanaDashboard,
): Promise<string[]> {
  const empty: string[] = [];
  for (const panel of dashboard.panels) {
    for (const { expr } of panel.targets ?? []) {
      const query = expand(expr, chosen);
      const { result } = await prometheus.ask<Answer>('query', { query });
      const figures = result.filter(({ value: [, figure] }) => Number.isFinite(Number(figure)));
      if (figures.length === 0) empty.push(`${dashboard.title}: ${panel.title}: ${query}`);
    }
  }
  return empty;
}

describe.skipIf(whyNotWith('prometheus', 'promtool') !== undefined)(
  'with a real Prometheus',
  () => {
    test('every panel shows a figure of the real service, and every list has its values', async () => {
      await using observed = await startObservedService();
      await until(
        async () => {
          await observed.send(10, { bad: 1 });
          const empty = await Promise.all(
            dashboards.map((dashboard) => emptyPanels(observed, dashboard)),
          );
          return empty.flat();
        },
        (empty) => empty.length === 0,
        90_000,
      );
      for (const { templating } of dashboards) {
        for (const { type, name, query } of templating.list) {
          if (type !== 'query') continue;
          const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(query)!;
          const values = await observed.prometheus.ask<string[]>(`label/${label}/values`, {
            'match[]': metric!,
          });
          expect(values).toContain(chosen[name as keyof typeof chosen]);
        }
      }
    }, 180_000);
  },
);
