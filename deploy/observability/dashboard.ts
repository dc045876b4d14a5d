import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';

import { buildPanel, source, type Panel } from './panel.ts';

/** The kind of thing that a dashboard shows one of: a list at its top, and `$name` in queries. */
export type Subject = 'event_name' | 'source' | 'destination';

export interface Dashboard {
  /** The address in Grafana and the name of the file. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly about?: Subject;
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
}

/** The source of the values of each list. */
const knownFrom: Readonly<Record<Subject, string>> = {
  event_name: 'label_values(headgate_events_total, event_name)',
  source: 'label_values(headgate_events_total, source)',
  destination: 'label_values(headgate_deliveries_total, destination)',
};

const tag = 'headgate';

/** The JSON that Grafana reads. The same description always gives the same bytes. */
export function buildDashboard(dashboard: Dashboard): object {
  const builder = new DashboardBuilder(dashboard.title)
    .uid(dashboard.uid)
    .description(dashboard.description)
    .tags([tag])
    .refresh('30s')
    .time({ from: 'now-6h', to: 'now' })
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .readonly()
    .link(
      new DashboardLinkBuilder('Headgate')
        .type(DashboardLinkType.Dashboards)
        .tags([tag])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'),
    );
  if (dashboard.about !== undefined) {
    builder.withVariable(
      new QueryVariableBuilder(dashboard.about)
        .label(dashboard.about)
        .datasource(source)
        .query(knownFrom[dashboard.about])
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .sort(VariableSort.AlphabeticalAsc),
    );
  }
  let id = 0;
  for (const { title, panels } of dashboard.rows) {
    builder.withRow(new RowBuilder(title).id((id += 1)));
    for (const panel of panels) builder.withPanel(buildPanel(panel, (id += 1)));
  }
  return builder.build();
}
