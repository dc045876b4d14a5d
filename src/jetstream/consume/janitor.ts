import { steadyTimeMs } from '../../event/time/steady-time.ts';
import { clientsOf } from '../clients.ts';
import { withParts } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import { deleteBefore } from '../integrity/ledger.ts';
import type { Log } from '../log.ts';
import { readMatching } from '../read/read.ts';
import { findDeletable, type DeletableOptions, keptMinOf } from './retention/deletable.ts';
import { anyName, consumedStreams, subjects, type ConsumedStream } from '../topology.ts';
import { cleanAside } from './aside/clean-aside.ts';
import { retireClosed } from './retention/retire-closed.ts';
import { createAgesByStream, type StreamAges } from './retention/stream-ages.ts';

/** Deletes old messages that every consumer has settled. */
export interface Janitor {
  start(): void;
  /** Waits for a run in progress. */
  stop(): Promise<void>;
  /**
   * Cleans now and resolves to the number of deleted messages. Rejects when the log is unreachable.
   */
  run(): Promise<number>;
}

export interface JanitorOptions {
  readonly log: Log;
  readonly retentionMs: number;
  /** All configured destinations. The janitor deletes nothing until each has a consumer. */
  readonly destinations: readonly string[];
  readonly onTrouble: (error: unknown) => void;
  /**
   * Called once for each destination that still has waiting events but is no longer in the
   * configuration.
   */
  readonly onForgotten?: (destination: string, waiting: number) => void;
  /** As for `DeletableOptions`, of EVENTS. */
  readonly confirmedUpTo?: DeletableOptions['confirmedUpTo'];
  readonly intervalMs?: number;
  readonly now?: () => number;
}

/**
 * The minimum time for which a discarded dead letter is kept; a longer event retention extends it.
 * 30 days are enough to ask who discarded it and why.
 */
const discardedKeptMs = 30 * 86_400_000;

/**
 * The streams have no maximum age, because that would delete events that still wait for a
 * destination. Instead the janitor runs every minute. It deletes a message when it is older than
 * the retention, every consumer of the stream has settled it (including consumers of destinations
 * that the configuration no longer names), and its dead letter, if any, is stored.
 *
 * Ages are by the monotonic clock, and by stored times alone for what a start finds in the log: a
 * step of the clock deletes nothing early.
 *
 * The last message of a stream always stays: a purge of the whole stream races with a publish
 * (nats-server 2.14.0 to 2.14.3 may then drop the new message). Closed streams of EVENTS take no
 * messages: once one is empty, it is deleted.
 */
export function createJanitor(options: JanitorOptions): Janitor {
  let running: Promise<number> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const reported = new Set<string>();
  // A copy is useless once it is settled.
  const retentionOf = (stream: ConsumedStream) =>
    stream === 'RETRY' || stream === 'ASIDE' ? 0 : options.retentionMs;
  const agesOf = createAgesByStream();
  const onForgotten = (destination: string, waiting: number): void => {
    if (!reported.has(destination)) options.onForgotten?.(destination, waiting);
    reported.add(destination);
  };

  const runOnce = async (): Promise<number> => {
    let deleted = 0;
    for (const stream of consumedStreams) {
      const retentionMs = retentionOf(stream);
      deleted += await withParts(options.log, stream, async (parts) => {
        let inParts = 0;
        for (const part of parts) {
          const ages = agesOf(part.stream, retentionMs);
          inParts += await clean(stream, part, { ...options, onForgotten, retentionMs }, ages);
        }
        return inParts;
      });
    }
    deleted += await cleanAside(options.log);
    return deleted + (await cleanDiscarded(options));
  };
  const run = (): Promise<number> =>
    (running ??= runOnce().finally(() => {
      running = undefined;
    }));

  return {
    start: () => {
      timer ??= setInterval(
        () => void run().catch(options.onTrouble),
        options.intervalMs ?? 60_000,
      );
    },
    stop: async () => {
      clearInterval(timer);
      await running?.catch(() => {});
    },
    run,
  };
}

async function clean(
  stream: ConsumedStream,
  part: StreamPart,
  options: JanitorOptions,
  ages: StreamAges,
): Promise<number> {
  const { log } = options;
  const { manager } = clientsOf(log);
  const { state } = await manager.streams.info(part.stream);
  if (part.isClosed && state.messages === 0) {
    await retireClosed(log, part);
    return 0;
  }
  ages.note(state.last_seq);
  const keepSinceMs = (options.now?.() ?? steadyTimeMs()) - options.retentionMs;
  const someOld =
    ages.oldUpTo() >= state.first_seq ||
    // The `first_ts` of an empty stream is in the year 1.
    (ages.foundUpTo() >= state.first_seq && Date.parse(String(state.first_ts)) < keepSinceMs);
  if (state.messages <= keptMinOf(part) || !someOld) return 0;

  // Only positions in EVENTS are confirmed.
  const confirmedUpTo = stream === 'EVENTS' ? options.confirmedUpTo : undefined;
  const { before } = await findDeletable(stream, part, state, ages, { ...options, confirmedUpTo });
  if (before <= state.first_seq) return 0;

  if (stream === 'EVENTS') return deleteBefore(log, part, before, 'retention');
  const { purged } = await manager.streams.purge(stream, { seq: before });
  await log.syncStream(stream);
  return purged;
}

/** Deletes old discarded dead letters, because DEAD has a size limit and no consumer reads them. */
async function cleanDiscarded({ log, retentionMs, now }: JanitorOptions): Promise<number> {
  const beforeMs = (now?.() ?? steadyTimeMs()) - Math.max(discardedKeptMs, retentionMs);
  const subject = subjects.discarded('*', anyName);
  let keepFrom = 0;
  for await (const { sequence, storedAtMs } of readMatching(log, 'DEAD', subject)) {
    if (storedAtMs >= beforeMs) break;
    keepFrom = sequence + 1;
  }
  if (keepFrom === 0) return 0;
  const { streams } = clientsOf(log).manager;
  const { purged } = await streams.purge('DEAD', { filter: subject, seq: keepFrom });
  await log.syncStream('DEAD');
  return purged;
}
