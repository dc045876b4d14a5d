import type { Config } from '../config/config.ts';
import { countBeforeStart, fixStart } from '../jetstream/consume/start-position.ts';
import type { Log } from '../jetstream/log.ts';
import { retryWhileForming } from '../jetstream/server/retry-forming.ts';
import type { Signals } from '../observability/signals.ts';

/**
 * Records where each new destination starts, in every process that knows it: events that a gate
 * stores before the first worker runs are not older than the start. Rejects when the log cannot be
 * reached.
 */
export async function fixStarts(
  { destinations }: Pick<Config, 'destinations'>,
  log: Log,
  signals: Pick<Signals, 'note'>,
): Promise<void> {
  for (const { name, start: wanted } of destinations) {
    if (wanted === undefined) continue;
    await retryWhileForming(async () => {
      const { start, isNew } = await fixStart(log, name, wanted);
      if (!isNew) return;
      const eventsBefore = await countBeforeStart(log, start);
      const text =
        eventsBefore > 0
          ? 'new destination: it does not get the events that the log already has before its start; ' +
            'destinations.*.from says where a new one starts'
          : 'new destination: it starts with the first event of the log';
      signals.note({ destination: name, eventsBefore }, text);
    });
  }
}
