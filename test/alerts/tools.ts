import { findProgram } from '../find-program.ts';

/** Debian's names of the programs that the tests of alerts and dashboards run. */
export type Tool = 'promtool' | 'prometheus' | 'prometheus-alertmanager';

/** Where it is; undefined where it is not installed. */
export function findTool(tool: Tool): string | undefined {
  return findProgram(tool);
}

/** Why these tests cannot run here, for a test to print and skip; undefined where they can. */
export function whyNotWith(...tools: Tool[]): string | undefined {
  const missing = tools.filter((tool) => findTool(tool) === undefined);
  if (missing.length === 0) return undefined;
  const reason = `there is no ${missing.join(', no ')} here; sh scripts/install/prometheus.sh installs them`;
  console.log(`skipped, what needs Prometheus: ${reason}`);
  return reason;
}
