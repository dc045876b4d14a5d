import { canaryName } from '../../event/canary.ts';
import { steadyTimeMs } from '../../event/steady-time.ts';
import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { readMatching, readNext } from '../read/read.ts';
import { consumedStreams, subjects, type ConsumedStream } from '../topology.ts';
import { firstGivenUp } from './advisories.ts';
import { positionOf } from './consumer-position.ts';
import { createStreamAges, type StreamAges } from './stream-ages.ts';

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
 * (nats-server 2.14.0 to 2.14.3 may then drop the new message).
 */
export function createJanitor(options: JanitorOptions): Janitor {
  let running: Promise<number> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const reported = new Set<string>();
  // A message of RETRY is a copy, which is useless once it is settled.
  const retentionOf = (stream: ConsumedStream) => (stream === 'RETRY' ? 0 : options.retentionMs);
  const ages = new Map(
    consumedStreams.map((stream) => [stream, createStreamAges(retentionOf(stream))]),
  );
  const onForgotten = (destination: string, waiting: number): void => {
    if (!reported.has(destination)) options.onForgotten?.(destination, waiting);
    reported.add(destination);
  };

  const runOnce = async (): Promise<number> => {
    let deleted = 0;
    for (const stream of consumedStreams)
      deleted += await clean(
        stream,
        { ...options, onForgotten, retentionMs: retentionOf(stream) },
        ages.get(stream)!,
      );
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
  options: JanitorOptions,
  ages: StreamAges,
): Promise<number> {
  const { log } = options;
  const { manager } = clientsOf(log);
  const { state } = await manager.streams.info(stream);
  ages.note(state.last_seq);
  const keepSinceMs = (options.now?.() ?? steadyTimeMs()) - options.retentionMs;
  const someOld =
    ages.oldUpTo() >= state.first_seq ||
    // The `first_ts` of an empty stream is in the year 1.
    (ages.foundUpTo() >= state.first_seq && Date.parse(String(state.first_ts)) < keepSinceMs);
  if (state.messages < 2 || !someOld) return 0;

  // Read the consumers before the advisories: an event leaves its consumer first.
  const unsettled = await firstUnsettled(stream, state.last_seq, options);
  if (unsettled <= state.first_seq) return 0;
  const found = Math.min(ages.foundUpTo(), state.last_seq);
  const young = Math.max(
    ages.oldUpTo() + 1,
    await firstSince(log, stream, keepSinceMs, state.first_seq, found),
  );
  const givenUp = await firstGivenUp(log, stream);
  const keepFrom = Math.min(unsettled, young, givenUp, state.last_seq);
  if (keepFrom <= state.first_seq) return 0;

  const { purged } = await manager.streams.purge(stream, { seq: keepFrom });
  await log.syncStream(stream);
  return purged;
}

/** Deletes old discarded dead letters, because DEAD has a size limit and no consumer reads them. */
async function cleanDiscarded({ log, retentionMs, now }: JanitorOptions): Promise<number> {
  const beforeMs = (now?.() ?? steadyTimeMs()) - Math.max(discardedKeptMs, retentionMs);
  const subject = subjects.discarded('*', '*');
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

/** The position of the first message that a consumer may still have to settle. */
async function firstUnsettled(
  stream: ConsumedStream,
  lastSequence: number,
  options: JanitorOptions,
): Promise<number> {
  const { log } = options;
  const missing = new Set(options.destinations);
  let first = lastSequence + 1;
  for await (const info of clientsOf(log).manager.consumers.list(stream)) {
    // Undelivered heartbeats do not prevent deletion.
    if (info.name === canaryName) continue;
    missing.delete(info.name);
    const { settledUpTo, waiting, inWork, subject } = positionOf(info);
    const unsettledCount = waiting + inWork;
    // This consumer has settled everything up to `lastSequence`, which was read earlier.
    if (unsettledCount === 0) continue;
    if (!options.destinations.includes(info.name)) {
      options.onForgotten?.(info.name, unsettledCount);
    }
    // On REPLAY and RETRY a consumer sees, and holds back, only the messages of its destination.
    const next = await readNext(log, stream, settledUpTo + 1, subject);
    if (next !== undefined) first = Math.min(first, next.sequence);
  }
  return missing.size > 0 ? 0 : first;
}

/**
 * The first position stored at `timeMs` or later, by binary search: times grow with the sequence.
 */
async function firstSince(
  log: Log,
  stream: ConsumedStream,
  timeMs: number,
  first: number,
  last: number,
): Promise<number> {
  let low = first;
  let high = last + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const message = await readNext(log, stream, middle, '>');
    if (message === undefined || message.sequence > last) high = middle;
    else if (message.storedAtMs < timeMs) low = message.sequence + 1;
    else high = middle;
  }
  return low;
}
