import { partsByPartition, withParts } from '../events/event-streams.ts';
import type { EventRanges } from '../events/event-ranges.ts';
import type { Range } from '../events/ranges.ts';
import type { Log } from '../log.ts';
import type { StreamName } from '../topology.ts';
import { boundsOfParts, positionSince, readPages, type StoredMessage } from './read.ts';
import { readRangePages } from './range-pages.ts';

/*
 * How EVENTS is read, whose positions are in the order of time within a partition only. The other
 * streams of the log have one partition, so that the same functions read them. All of them reject
 * when the log cannot be reached.
 */

/** Unix times in ms. */
export interface StoredBetween {
  /** Stored at this time or later. Default: from the first message. */
  readonly sinceMs?: number;
  /** Stored before this time. Default: to the last message. */
  readonly untilMs?: number;
}

/** What a stream holds now, from a time to another. */
export function findRanges(
  log: Log,
  stream: StreamName,
  { sinceMs = 0, untilMs = Infinity }: StoredBetween = {},
): Promise<Range[]> {
  return withParts(log, stream, (parts) =>
    Promise.all(
      partsByPartition(parts).map(async (some) => {
        const { first, last } = await boundsOfParts(log, some);
        const since = sinceMs > 0 ? await positionSince(log, some, sinceMs) : first;
        const until = Number.isFinite(untilMs)
          ? await positionSince(log, some, untilMs)
          : undefined;
        const from = Math.max(some[0]!.position(1), since ?? last + 1);
        const to = until === undefined ? last : Math.min(last, until - 1);
        return { from, to: Math.max(from - 1, to) };
      }),
    ),
  );
}

/**
 * Reads the messages of some ranges whose subject is one of several, the oldest first: those of a
 * partition in the order of their positions, and partitions merged by the stored time. `firstMax`:
 * how many messages are read at first of each, for who may need few.
 */
export async function* readInOrder(
  log: Log,
  stream: StreamName,
  subjects: readonly string[],
  ranges: EventRanges,
  firstMax?: number,
): AsyncGenerator<StoredMessage> {
  const wanted = ranges.filter(({ from, to }) => from <= to);
  const first = firstMax ?? (wanted.length > 1 ? sharedFirstMax : undefined);
  yield* mergeRanges(wanted, (range) =>
    subjects.map((subject) => readPages(log, stream, subject, range, first)),
  );
}

/** The same, for readers that need every one of them. */
export function readAllInOrder(
  log: Log,
  stream: StreamName,
  ranges: EventRanges,
  subject = '>',
): AsyncGenerator<StoredMessage> {
  const wanted = ranges.filter(({ from, to }) => from <= to);
  return mergeRanges(wanted, (range) => [readRangePages(log, stream, subject, range)]);
}

type Pages = AsyncGenerator<StoredMessage[]>;

async function* mergeRanges(
  ranges: EventRanges,
  pagesOf: (range: Range) => Pages[],
): AsyncGenerator<StoredMessage> {
  const opened: Pages[] = [];
  try {
    const partitions = await Promise.all(
      ranges.map(async (range) => {
        const pages = pagesOf(range);
        opened.push(...pages);
        const sources = await Promise.all(pages.map((some) => openSource(some, range.to)));
        return merge(sources, (one, other) => one.sequence < other.sequence);
      }),
    );
    const all = merge(partitions, (one, other) => one.storedAtMs < other.storedAtMs);
    for (let message = all.head(); message !== undefined; message = all.head()) {
      yield message;
      const waits = all.advance();
      if (waits !== undefined) await waits;
    }
  } finally {
    for (const pages of opened) pages.return(undefined).catch(() => {});
  }
}

/** A short page of a list over many partitions takes few of each. */
const sharedFirstMax = 32;

/** When the oldest event of some ranges was stored: a Unix time in ms; undefined if they hold none. */
export async function oldestStoredAtMs(log: Log, ranges: EventRanges): Promise<number | undefined> {
  for await (const { storedAtMs } of readInOrder(log, 'EVENTS', ['>'], ranges, 1)) {
    return storedAtMs;
  }
  return undefined;
}

/** Messages one after the other. */
interface Source {
  /** Undefined at the end. */
  head(): StoredMessage | undefined;
  /** Undefined if the next message is there already. */
  advance(): Promise<void> | undefined;
}

async function openSource(pages: AsyncGenerator<StoredMessage[]>, to: number): Promise<Source> {
  let page: readonly StoredMessage[] = [];
  let at = 0;
  const turn = async (): Promise<void> => {
    const next = await pages.next();
    page = next.done === true ? [] : next.value;
    at = 0;
  };
  await turn();
  return {
    head: () => {
      const message = page[at];
      return message === undefined || message.sequence > to ? undefined : message;
    },
    advance: () => {
      at += 1;
      return at < page.length ? undefined : turn();
    },
  };
}

/** The heads of several sources that come first; of equal ones, that of the first source. */
function merge(
  sources: readonly Source[],
  isBefore: (one: StoredMessage, other: StoredMessage) => boolean,
): Source {
  if (sources.length === 1) return sources[0]!;
  const nearest = (): Source | undefined => {
    let best: Source | undefined;
    let bestHead: StoredMessage | undefined;
    for (const source of sources) {
      const head = source.head();
      if (head === undefined || (bestHead !== undefined && !isBefore(head, bestHead))) continue;
      best = source;
      bestHead = head;
    }
    return best;
  };
  let current = nearest();
  return {
    head: () => current?.head(),
    advance: () => {
      const waits = current?.advance();
      if (waits === undefined) {
        current = nearest();
        return undefined;
      }
      return waits.then(() => {
        current = nearest();
      });
    },
  };
}
