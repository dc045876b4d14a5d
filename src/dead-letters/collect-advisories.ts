import type { GiveUp } from '../event/delivery-attempt.ts';
import { createByteBudget, withinBudget } from '../jetstream/byte-budget.ts';
import { openAdvisoryPull, readAdvisory, type Advisory } from '../jetstream/consume/advisories.ts';
import { hasDestinationConsumer } from '../jetstream/consume/destination-consumer.ts';
import { flushSettled, type Pull, type PulledMessage } from '../jetstream/consume/pull.ts';
import type { Log } from '../jetstream/log.ts';
import { readMessage } from '../jetstream/read/read.ts';
import type { Signals } from '../observability/signals.ts';

export interface AdvisoryCollector {
  start(): Promise<void>;
  /** Waits for running writes; the log redelivers the other advisories later. */
  stop(): Promise<void>;
}

export interface AdvisoryCollectorOptions {
  readonly log: Log;
  readonly signals: Signals;
  /** The names of the destinations that this process delivers to. */
  readonly destinations: readonly string[];
  readonly write: GiveUp;
  /** How soon to retry an entry that DEAD did not accept. */
  readonly retryMs?: number;
}

/** Events in memory at once. Their advisories are small, and they may have 8 MiB each. */
const collectedMax = 8;

/**
 * Writes the dead letters of events whose worker crashed or hung each time and therefore could not
 * write them. The log sends an advisory for such an event and keeps it in ADVISORIES until the
 * collector has stored the entry and acks it. The entry has the id that the worker would have used.
 *
 * The collectors of all processes share the advisories. One may be about a destination of another process's
 * configuration, or of a configuration that names it again later, so a name that is not known here is looked for
 * in the log.
 */
export function createAdvisoryCollector(options: AdvisoryCollectorOptions): AdvisoryCollector {
  const { log, signals } = options;
  const retryMs = options.retryMs ?? 5_000;
  const known = new Set(options.destinations);
  const working = new Set<Promise<void>>();
  let pull: Pull | undefined;
  let stopping = false;

  const isOurs = async ({ destination }: Advisory): Promise<boolean> =>
    known.has(destination) || (await hasDestinationConsumer(log, destination));

  const budget = createByteBudget(collectedMax);
  const collect = async (message: PulledMessage): Promise<void> => {
    try {
      const advisory = readAdvisory(message.payload);
      if (advisory !== undefined && (await isOurs(advisory))) {
        await writeDeadLetterOf(advisory, options);
      }
      message.ack();
    } catch (error) {
      signals.trouble('an advisory could not be turned into a dead letter yet', error);
      // Retry without a limit: only the advisory knows about the event.
      message.nak(retryMs);
    }
  };

  const start = async (): Promise<void> => {
    pull = await openAdvisoryPull({
      log,
      onMessage: (message) => {
        if (stopping) return;
        const work = withinBudget(budget, 1, () => collect(message))
          .catch((error: unknown) => signals.trouble('collecting advisories', error))
          .finally(() => working.delete(work));
        working.add(work);
      },
      onTrouble: (text) => signals.trouble('pulling advisories', text),
    });
  };
  const stop = async (): Promise<void> => {
    stopping = true;
    await started?.catch(() => {});
    await pull?.stop();
    await Promise.allSettled(working);
    if (pull !== undefined) await flushSettled(log);
  };
  let started: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;
  return { start: () => (started ??= start()), stop: () => (stopped ??= stop()) };
}

async function writeDeadLetterOf(
  advisory: Advisory,
  options: AdvisoryCollectorOptions,
): Promise<void> {
  const { stream, destination, sequence, reason } = advisory;
  const message = await readMessage(options.log, stream, sequence);
  if (message === undefined) {
    options.signals.trouble(
      `${destination}:${sequence} (${stream}) was given up by the log and is no longer stored`,
      'the event no longer exists',
    );
    return;
  }
  await options.write({ destination, stream, message, reason });
}
