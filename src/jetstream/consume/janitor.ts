import { canaryName } from '../../event/canary.ts';
import { isJsonObject } from '../../event/json/json.ts';
import { settledUpTo } from './backlog.ts';
import type { Log } from '../open-log.ts';
import { readMatching, readNext } from '../read/read.ts';
import { collectorSettings, placeStreams, subjects, type PlaceStream } from '../topology.ts';

/** Deletes what is old and what everybody is done with. */
export interface Janitor {
  start(): void;
  /** Waits for a run that is under way. */
  stop(): Promise<void>;
  /** Does its round now, and resolves to how many messages it deleted. Rejects where it cannot. */
  run(): Promise<number>;
}

export interface JanitorOptions {
  readonly log: Log;
  readonly retentionMs: number;
  /** Every destination of the configuration: while one has no consumer yet, nothing is deleted. */
  readonly destinations: readonly string[];
  readonly onTrouble: (error: unknown) => void;
  /**
   * Told once of each destination that no configuration names any more, and for which the log keeps
   * events.
   */
  readonly onForgotten?: (destination: string, waiting: number) => void;
  readonly intervalMs?: number;
  readonly now?: () => number;
}

/**
 * How long a discarded dead letter is kept, at least as long as events are: 30 days are enough to ask
 * who discarded it and why.
 */
const discardedKeptMs = 30 * 86_400_000;

/**
 * A stream of events has no maximum age, because age would delete what a destination still waits
 * for. Instead, every minute: all that is older than the retention, and settled by every consumer
 * of the stream (those that no configuration names any more too), and no dead letter in the making.
 *
 * The last message always stays: a purge of everything races with a publish (nats-server 2.14.0 to
 * 2.14.3 may then drop the new message).
 */
export function createJanitor(options: JanitorOptions): Janitor {
  let running: Promise<number> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const told = new Set<string>();
  const onForgotten = (destination: string, waiting: number): void => {
    if (!told.has(destination)) options.onForgotten?.(destination, waiting);
    told.add(destination);
  };

  const round = async (): Promise<number> => {
    let deleted = 0;
    for (const stream of placeStreams) deleted += await clean(stream, { ...options, onForgotten });
    return deleted + (await cleanDiscarded(options));
  };
  const run = (): Promise<number> =>
    (running ??= round().finally(() => {
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

async function clean(stream: PlaceStream, options: JanitorOptions): Promise<number> {
  const { log } = options;
  const { state } = await log.manager.streams.info(stream);
  // What waited in RETRY is a copy, and of no use once it is settled.
  const retentionMs = stream === 'RETRY' ? 0 : options.retentionMs;
  const youngestMs = (options.now?.() ?? Date.now()) - retentionMs;
  // `first_ts` of an empty stream is a time in the year 1.
  if (state.messages < 2 || Date.parse(String(state.first_ts)) >= youngestMs) return 0;

  // In this order: an event leaves its consumer first, and then turns up as an advisory.
  const settled = await firstUnsettled(stream, state.last_seq, options);
  if (settled <= state.first_seq) return 0;
  const young = await firstSince(log, stream, youngestMs, state.first_seq, state.last_seq);
  const dying = await firstDying(log, stream);
  const keepFrom = Math.min(settled, young, dying, state.last_seq);
  if (keepFrom <= state.first_seq) return 0;

  const { purged } = await log.manager.streams.purge(stream, { seq: keepFrom });
  await log.syncStream(stream);
  return purged;
}

/** Deletes discarded dead letters that are old: nobody waits for those, and DEAD has a limit. */
async function cleanDiscarded({ log, retentionMs, now }: JanitorOptions): Promise<number> {
  const beforeMs = (now?.() ?? Date.now()) - Math.max(discardedKeptMs, retentionMs);
  const subject = subjects.discarded('*', '*');
  let keepFrom = 0;
  for await (const { sequence, storedAtMs } of readMatching(log, 'DEAD', subject)) {
    if (storedAtMs >= beforeMs) break;
    keepFrom = sequence + 1;
  }
  if (keepFrom === 0) return 0;
  const { purged } = await log.manager.streams.purge('DEAD', { filter: subject, seq: keepFrom });
  await log.syncStream('DEAD');
  return purged;
}

/** The first message that some consumer may still have to settle. */
async function firstUnsettled(
  stream: PlaceStream,
  lastSequence: number,
  options: JanitorOptions,
): Promise<number> {
  const missing = new Set(options.destinations);
  let first = lastSequence + 1;
  for await (const consumer of options.log.manager.consumers.list(stream)) {
    // Heartbeats that nobody took hold back nothing.
    if (consumer.name === canaryName) continue;
    missing.delete(consumer.name);
    const { num_pending: waiting, num_ack_pending: handedOut } = consumer;
    // Done with all there was when `lastSequence` was read.
    if (waiting + handedOut === 0) continue;
    if (!options.destinations.includes(consumer.name)) {
      options.onForgotten?.(consumer.name, waiting + handedOut);
    }
    // On REPLAY and RETRY a consumer sees its destination's messages alone; those of others are not its to
    // keep.
    const subject = consumer.config.filter_subject ?? '>';
    const next = await readNext(options.log, stream, settledUpTo(consumer) + 1, subject);
    if (next !== undefined) first = Math.min(first, next.sequence);
  }
  return missing.size > 0 ? 0 : first;
}

/** The first message that is not older, by halving: times grow with the sequence. */
async function firstSince(
  log: Log,
  stream: PlaceStream,
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

const decoder = new TextDecoder();

/**
 * The first message that the log gave up on and whose dead letter is not stored yet. No consumer
 * waits for it any more, but the collector will read it.
 */
async function firstDying(log: Log, stream: PlaceStream): Promise<number> {
  const collector = await log.manager.consumers
    .info('ADVISORIES', collectorSettings.durable_name!)
    .catch(() => undefined);
  let first = Number.POSITIVE_INFINITY;
  if (collector !== undefined && collector.num_pending + collector.num_ack_pending === 0)
    return first;
  const from = (collector?.ack_floor.stream_seq ?? 0) + 1;
  for await (const { payload } of readMatching(log, 'ADVISORIES', '>', from)) {
    const advisory: unknown = JSON.parse(decoder.decode(payload));
    if (isJsonObject(advisory) && advisory['stream'] === stream) {
      first = Math.min(first, Number(advisory['stream_seq']));
    }
  }
  return first;
}
