import { spanText } from '../event/time/span-text.ts';
import type { CheckFindings } from './finding.ts';

/** What a gate that runs reports about itself, by series without labels. */
export function checkGate(
  findings: CheckFindings,
  { metrics }: { readonly metrics: ReadonlyMap<string, number> },
): void {
  const value = (name: string): number => metrics.get(name) ?? 0;
  const bad = value('headgate_registry_bad_entries');
  if (bad > 0) {
    findings.failure(
      `${bad} entries of the schema registry are not sound, and the ones before them are in force`,
      'See the log for which; push them again: headgate schemas push.',
    );
  }
  const intervalSeconds = value('headgate_canary_interval_seconds');
  if (intervalSeconds === 0) return;
  const ageMs = Date.now() - value('headgate_canary_arrived_timestamp_seconds') * 1_000;
  if (ageMs > 3_000 * intervalSeconds) {
    findings.failure(
      `the last heartbeat that came through was sent ${spanText(ageMs)} ago, and one is sent every ${spanText(intervalSeconds * 1_000)}`,
      'See that a worker runs with canary.interval set, and what else is found here.',
    );
  } else findings.ok(`heartbeats come through: the last was sent ${spanText(ageMs)} ago`);
}
