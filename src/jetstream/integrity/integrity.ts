import { clientsOf } from '../clients.ts';
import { partsOf, withParts } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import { readLedger, type Mark, type MissingRange } from './ledger.ts';
import { lengthOf, subtractRanges, type Range } from '../events/ranges.ts';
import type { Log } from '../log.ts';
import { explainedBy, findMissing, reportMissing, type PartState } from './find-missing.ts';
import type { MarkStore } from './mark-store.ts';
import { scrub } from './scrub.ts';

/** Finds events that the log has lost, and keeps the marks by which it knows. */
export interface Integrity {
  /**
   * Compares what the log holds with the marks and the ledger. Resolves to how many events are
   * missing. Rejects when the log cannot be reached.
   */
  check(): Promise<number>;
  /** Reads every event once. Resolves to how many are missing. Rejects as `check` does. */
  scrub(): Promise<number>;
  /** Marks, checks and scrubs from now on. */
  start(): void;
  /** Waits for work in progress, and writes the last marks. */
  stop(): Promise<void>;
}

export interface IntegrityOptions {
  readonly log: Log;
  readonly marks: MarkStore;
  /** Called for each range of events that was just found to be missing, by positions. */
  readonly onMissing: (range: MissingRange) => void;
  /** Called after each check and scrub with how many events are missing in all. */
  readonly onTotal: (events: number) => void;
  readonly onTrouble: (error: unknown) => void;
  readonly intervals?: Partial<IntegrityIntervals>;
  /** How fast a scrub reads. Default: the whole log in a day, and at least 256 KiB a second. */
  readonly scrubBytesPerSecond?: number;
}

export interface IntegrityIntervals {
  /** An event that is stored and lost within this time is not known to be lost. */
  readonly markMs: number;
  readonly checkMs: number;
  /** How long after the start of a scrub the next one begins, unless the first still runs. */
  readonly scrubMs: number;
  /** How long after something is missing it must still be. Default: 25 s in a cluster, else 0. */
  readonly confirmMs?: number;
}

const intervalsDefault: IntegrityIntervals = {
  markMs: 5_000,
  checkMs: 3_600_000,
  scrubMs: 3_600_000,
};
const scrubBytesPerSecondMin = 256 * 1024;
const daySeconds = 86_400;

export function createIntegrity(options: IntegrityOptions): Integrity {
  const { log, onTrouble } = options;
  const intervals = { ...intervalsDefault, ...options.intervals };
  const stopping = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  /** One piece of work at a time. */
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = turn.then(work);
    turn = result.catch(() => {});
    return result;
  };
  const parts = createPartChecks(options, stopping.signal);

  const check = (): Promise<number> =>
    inTurn(() => withParts(log, 'EVENTS', () => parts.checkAll()));
  const mark = (): Promise<void> => inTurn(() => withParts(log, 'EVENTS', () => parts.markAll()));
  // A scrub takes a day, so that it does not hold up the others.
  let scrubbing: Promise<number> | undefined;
  const scrubOnce = (): Promise<number> =>
    (scrubbing ??= withParts(log, 'EVENTS', () => parts.scrubAll()).finally(() => {
      scrubbing = undefined;
    }));

  const every = (ms: number, work: () => Promise<unknown>): void => {
    const run = (): void =>
      void work().catch((error: unknown) => {
        if (!stopping.signal.aborted) onTrouble(error);
      });
    const timer = setInterval(run, ms);
    timer.unref();
    timers.push(timer);
  };
  return {
    check,
    scrub: scrubOnce,
    start: () => {
      every(intervals.markMs, mark);
      every(intervals.checkMs, check);
      every(intervals.scrubMs, scrubOnce);
      void scrubOnce().catch(onTrouble);
    },
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
      stopping.abort();
      await scrubbing?.catch(() => {});
      await mark().catch(() => {});
    },
  };
}

function createPartChecks(options: IntegrityOptions, signal: AbortSignal) {
  const { log, marks, onMissing, onTotal, intervals } = options;
  const looking = { confirmMs: intervals?.confirmMs, signal };
  /** The last mark of each stream that this process wrote. */
  const written = new Map<string, Mark>();
  /** Where the scrub of each stream goes on. */
  const scrubFrom = new Map<string, number>();

  const report = async (part: StreamPart, ranges: readonly Range[]): Promise<void> => {
    for (const range of ranges) {
      const found = await reportMissing(log, part, range, Date.now());
      onMissing({ ...found, from: part.position(found.from), to: part.position(found.to) });
    }
  };
  const checkPart = async (part: StreamPart): Promise<void> => {
    const { state, mark, ranges } = await findMissing(log, part, marks, looking);
    scrubFrom.set(part.stream, scrubFrom.get(part.stream) ?? mark?.scrubFrom ?? 0);
    await report(part, ranges);
    await markPart(part, state);
  };
  const markPart = async (
    part: StreamPart,
    { first, last }: Pick<PartState, 'first' | 'last'>,
  ): Promise<void> => {
    const before = written.get(part.stream);
    const next = scrubFrom.get(part.stream) ?? before?.scrubFrom ?? 0;
    const isSame = before?.first === first && before.last === last && before.scrubFrom === next;
    if (isSame) return;
    const mark = { first, last, scrubFrom: next, atMs: Date.now() };
    await marks.write(part, mark);
    written.set(part.stream, mark);
  };
  const countMissing = async (): Promise<number> => {
    const total = await countMissingEvents(log);
    onTotal(total);
    return total;
  };
  return {
    checkAll: async () => {
      for (const part of partsOf(log, 'EVENTS')) await checkPart(part);
      return countMissing();
    },
    markAll: async () => {
      for (const part of partsOf(log, 'EVENTS')) {
        const { state } = await clientsOf(log).manager.streams.info(part.stream);
        const { first_seq: first, last_seq: last } = state;
        // A log that holds less than it did has lost events: the check says which.
        if (last >= (written.get(part.stream)?.last ?? 0)) await markPart(part, { first, last });
        else await checkPart(part).then(countMissing);
      }
    },
    scrubAll: async () => {
      for (const part of partsOf(log, 'EVENTS')) {
        const bytesPerSecond = options.scrubBytesPerSecond ?? (await scrubRate(log));
        const onGap = async (gap: Range): Promise<void> => {
          await report(part, subtractRanges([gap], explainedBy(await readLedger(log, part))));
        };
        await scrub({
          log,
          part,
          from: scrubFrom.get(part.stream) ?? 0,
          bytesPerSecond,
          signal,
          onGap,
          onProgress: (next) => scrubFrom.set(part.stream, next),
        });
        if (!signal.aborted) scrubFrom.set(part.stream, 0);
      }
      return countMissing();
    },
  };
}

/** All parts, one after the other, in a day. */
async function scrubRate(log: Log): Promise<number> {
  let bytes = 0;
  for (const { stream } of partsOf(log, 'EVENTS')) {
    bytes += (await clientsOf(log).manager.streams.info(stream)).state.bytes;
  }
  return Math.max(scrubBytesPerSecondMin, bytes / daySeconds);
}

/** The events that were found to be missing, by positions. Rejects when the log is unreachable. */
export function readMissingEvents(log: Log): Promise<MissingRange[]> {
  return withParts(log, 'EVENTS', async (parts) => {
    const all: MissingRange[] = [];
    for (const part of parts) {
      for (const range of (await readLedger(log, part)).missing) {
        all.push({ ...range, from: part.position(range.from), to: part.position(range.to) });
      }
    }
    return all;
  });
}

async function countMissingEvents(log: Log): Promise<number> {
  return lengthOf(await readMissingEvents(log));
}
