import { ageMs } from '../event/time/steady-time.ts';
import { listConsumingDestinations } from '../jetstream/consume/destination-consumer.ts';
import { positionText } from '../jetstream/events/event-position.ts';
import { partsOf } from '../jetstream/events/event-streams.ts';
import { readConfirmed } from '../jetstream/integrity/confirmed-position.ts';
import type { Log } from '../jetstream/log.ts';
import type { CheckFindings } from './finding.ts';

/** A week: then what caused it is either fixed or has caused it again. */
const reportedMs = 7 * 86_400_000;

/** Events that were settled without delivery, and that a worker has delivered again. */
export async function checkMissingDeliveries(findings: CheckFindings, log: Log): Promise<void> {
  let isComplete = true;
  for (const destination of await listConsumingDestinations(log)) {
    for (const part of partsOf(log, 'EVENTS')) {
      const position = await readConfirmed(log, part, destination);
      const last = position?.lastFound;
      if (position === undefined || last === undefined) continue;
      if (ageMs(last.foundAtMs) > reportedMs) continue;
      isComplete = false;
      const total = position.missing > last.events ? ` (${position.missing} in all)` : '';
      findings.warning(
        `${last.events} events${total} were settled and not delivered to ${destination}, between positions ` +
          `${positionText(last.from)} and ${positionText(last.to)}, found at ${new Date(last.foundAtMs).toISOString()}. They were delivered again`,
        'Find out what happened to NATS before, and follow docs/runbooks/deliveries-missing.md.',
      );
    }
  }
  if (isComplete) findings.ok('the workers have found no event that was settled without delivery');
}
