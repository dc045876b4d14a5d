import { buildDashboard, type Dashboard } from './dashboard.ts';
import { oneDestination } from './dashboards/destination.ts';
import { gateAndLog } from './dashboards/gate-and-log.ts';
import { oneEvent, oneSource } from './dashboards/intake.ts';
import { overview } from './dashboards/overview.ts';

export const dashboards: readonly Dashboard[] = [
  overview,
  oneEvent,
  oneSource,
  oneDestination,
  gateAndLog,
];

export function renderDashboard(dashboard: Dashboard): string {
  return `${JSON.stringify(buildDashboard(dashboard), null, 1)}\n`;
}
