import { positionText } from '../jetstream/events/event-position.ts';
import { lengthOf } from '../jetstream/events/ranges.ts';
import { readMissingEvents } from '../jetstream/integrity/integrity.ts';
import type { Log } from '../jetstream/log.ts';
import type { CheckFindings } from './finding.ts';

/** How many ranges one run names. */
const namedMax = 10;

/** Events that a gate has found to be lost. */
export async function checkMissingEvents(findings: CheckFindings, log: Log): Promise<void> {
  const ranges = await readMissingEvents(log);
  if (ranges.length === 0) {
    findings.ok('the gates have found no lost event');
    return;
  }
  const named = ranges
    .slice(0, namedMax)
    .map(
      ({ from, to, afterMs, beforeMs }) =>
        `${positionText(from)} to ${positionText(to)}${timesText(afterMs, beforeMs)}`,
    );
  const more = ranges.length > namedMax ? ', and more' : '';
  findings.failure(
    `${lengthOf(ranges)} accepted events are gone from the log, and no deletion of them is recorded: ${named.join('; ')}${more}`,
    'Look at the disk and the log of nats-server, and follow docs/runbooks/events-missing.md.',
  );
}

/** `, stored between ... and ...` */
export function timesText(afterMs: number | undefined, beforeMs: number | undefined): string {
  const [after, before] = [afterMs, beforeMs].map((timeMs) =>
    timeMs === undefined ? undefined : new Date(timeMs).toISOString(),
  );
  if (after !== undefined && before !== undefined) return `, stored between ${after} and ${before}`;
  if (after !== undefined) return `, stored after ${after}`;
  return before === undefined ? '' : `, stored before ${before}`;
}
