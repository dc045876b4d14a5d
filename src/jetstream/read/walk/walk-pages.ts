import { setTimeout as sleep } from 'node:timers/promises';

import {
  allRead,
  createReadPositions,
  progressOf,
  type EventRanges,
} from '../../events/event-ranges.ts';
import type { Log } from '../../log.ts';
import type { StreamName } from '../../topology.ts';
import { createPaceKeeper } from '../pace-keeper.ts';
import {
  readPageToken,
  writePageToken,
  type PagedList,
  type PageStart,
  type WalkPosition,
} from './page-token.ts';
import type { StoredMessage } from '../read.ts';
import { findRanges, readAllInOrder, readInOrder } from '../read-ranges.ts';
import { wholeFilter, wholeStream } from '../whole-reads.ts';
import { closeWalk, keptWalksOf, keyOfWalk, type WalkMessages } from './kept-walks.ts';

/** The messages of a stream that a walk reads, oldest first: read-ranges.ts says in which order. */
export interface Walk {
  readonly stream: StreamName;
  /** Read together. Without subjects the walk is empty. */
  readonly subjects: readonly string[];
  /** Stored at this time or later: a Unix time in ms; 0: from the beginning. */
  readonly sinceMs: number;
  /** Stored before this time. Infinity: to the end of the stream when the walk begins. */
  readonly untilMs: number;
}

/** The limits of a page. The first limit reached ends it. */
export interface PageLimits {
  /** Items in the page. */
  readonly itemsMax: number;
  /** Messages that one call reads, because a stream may hold millions. Default: 5,000. */
  readonly messagesMax?: number;
  /** Payload bytes that one call reads. Default: 8 MiB. */
  readonly bytesMax?: number;
  /** How long one call reads: a page has at least one message. Default: 5 s. */
  readonly durationMsMax?: number;
}

/** Makes an item from a message; undefined if the message is not in the list. */
export type MessageToItem<Item> = (
  message: StoredMessage,
) => Promise<Item | undefined> | Item | undefined;

/** The progress of a walk, as in `headgate.v1.StreamWalk`: `progressOf`. */
export interface WalkProgress {
  readonly from: bigint;
  readonly upTo: bigint;
  readonly reached: bigint;
}

export interface WalkPage<Item> {
  readonly items: readonly Item[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
  readonly walk: WalkProgress;
}

/** The part of a page that comes from one stream. */
export interface WalkedPart<Item> {
  readonly items: readonly Item[];
  /** Undefined on the last page. */
  readonly next: readonly WalkPosition[] | undefined;
  readonly walk: WalkProgress;
}

const defaultLimits = {
  messagesMax: 5_000,
  bytesMax: 8 * 1024 * 1024,
  /** Well below the 30 s that callers wait. */
  durationMsMax: 5_000,
};

/**
 * Reads a page of a list: the items that `toItem` makes from the messages of a walk. A list ends
 * with the last message that the stream held when its first page was read. An empty page with a
 * token is not the last page.
 *
 * Throws a ServiceError `malformed_request` for a page token that does not belong to this list.
 * Rejects when the log cannot be reached, or when `toItem` rejects.
 */
export async function walkPage<Item>(
  log: Log,
  list: PagedList,
  walk: Walk,
  pageToken: string,
  limits: PageLimits,
  toItem: MessageToItem<Item>,
): Promise<WalkPage<Item>> {
  const [start] = readPageToken(list, 1, pageToken);
  // Never undefined: no token is written when the only stream is done.
  const part = (await walkPart(log, walk, start!, limits, toItem))!;
  return { items: part.items, nextPageToken: writePageToken(list, [part.next]), walk: part.walk };
}

/**
 * Reads a page from one stream of a list of several streams. The caller reads and writes the token,
 * which has a start for each stream. Undefined if an earlier page reached the end of this stream.
 */
export async function walkPart<Item>(
  log: Log,
  walk: Walk,
  start: PageStart,
  limits: PageLimits,
  toItem: MessageToItem<Item>,
): Promise<WalkedPart<Item> | undefined> {
  if (start === 'done') return undefined;
  const { ranges, rest } = start === 'beginning' ? await beginning(log, walk) : walkRanges(start);
  const reading = readingOf(log, walk, limits);
  const { itemsMax, messagesMax, bytesMax, durationMsMax } = reading.limits;
  const endsMs = performance.now() + durationMsMax;
  const isOver = (): boolean =>
    messages > 0 && (keepPace.hasUsedTime() || performance.now() >= endsMs);
  const items: Item[] = [];
  const read = createReadPositions();
  const keepPace = createPageKeeper(log, endsMs);
  let messages = 0;
  let bytes = 0;
  const opened = openWalk(log, walk.stream, reading, rest);
  let isKept = false;
  const nextMessage = async (): Promise<StoredMessage | undefined> =>
    (await opened.others.next()).value;
  try {
    for (
      let message = opened.first ?? (await nextMessage());
      message !== undefined;
      message = await nextMessage()
    ) {
      if (walk.untilMs !== Infinity && message.storedAtMs >= walk.untilMs) break;
      if (items.length >= itemsMax || messages >= messagesMax || bytes >= bytesMax || isOver()) {
        const left = read.restOf(rest);
        isKept = opened.isLong;
        if (isKept) {
          const key = keyOfWalk(reading.subjects, left);
          keptWalksOf(log).keep(key, { first: message, others: opened.others });
        }
        return { items, next: walkPositions(ranges, left), walk: walkProgress(ranges, left) };
      }
      const made = reading.isWanted(message) ? toItem(message) : undefined;
      const item = made instanceof Promise ? await made : made;
      if (item !== undefined) items.push(item);
      read.pass(message.sequence);
      messages += 1;
      bytes += message.payload.length;
      const waits = keepPace.read(message.payload.length);
      if (waits !== undefined) await waits;
    }
  } finally {
    keepPace.end();
    if (!isKept) closeWalk(opened);
  }
  return { items, next: undefined, walk: walkProgress(ranges, allRead(ranges)) };
}

/** What a call reads of a walk. */
interface Reading {
  readonly subjects: readonly string[];
  readonly isWanted: (message: StoredMessage) => boolean;
  readonly limits: Required<PageLimits>;
}

/** Of a call that reads many messages and wants few of them: mostly below a second. */
export const wideLimits = { messagesMax: 20_000, bytesMax: 32 * 1024 * 1024, durationMsMax: 2_000 };

function readingOf(log: Log, { stream, subjects }: Walk, limits: PageLimits): Reading {
  const given = { ...defaultLimits, ...limits };
  const matches = stream === 'EVENTS' ? wholeFilter(log, subjects) : undefined;
  if (matches === undefined) return { subjects, isWanted: () => true, limits: given };
  return {
    subjects: [wholeStream],
    isWanted: ({ subject }) => matches(subject),
    limits: {
      itemsMax: given.itemsMax,
      messagesMax: Math.max(given.messagesMax, wideLimits.messagesMax),
      bytesMax: Math.max(given.bytesMax, wideLimits.bytesMax),
      durationMsMax: Math.min(given.durationMsMax, wideLimits.durationMsMax),
    },
  };
}

interface OpenedWalk extends WalkMessages {
  readonly isLong: boolean;
}

function openWalk(
  log: Log,
  stream: StreamName,
  { subjects, limits }: Reading,
  rest: EventRanges,
): OpenedWalk {
  if (isLongWalk(stream, subjects, rest, limits)) {
    const kept = keptWalksOf(log).take(keyOfWalk(subjects, rest));
    return {
      ...(kept ?? { others: readAllInOrder(log, stream, rest, subjects[0]) }),
      isLong: true,
    };
  }
  const firstMax = firstPageMax(limits.itemsMax, rest.length);
  return { others: readInOrder(log, stream, subjects, rest, firstMax), isLong: false };
}

/** A caller of such pages reads the rest of the walk, too. */
const longPage = { items: 200, messages: 10_000 };
/** Each partition has a reader that holds some MiB between two pages. */
const keptPartitionsMax = 8;

function isLongWalk(
  stream: StreamName,
  subjects: readonly string[],
  rest: EventRanges,
  { itemsMax, messagesMax }: Required<PageLimits>,
): boolean {
  if (stream !== 'EVENTS' || subjects.length !== 1 || rest.length > keptPartitionsMax) return false;
  return itemsMax >= longPage.items || messagesMax >= longPage.messages;
}

interface PageKeeper {
  /** After each message. Undefined if the reader may read on. */
  read(bytes: number): Promise<void> | undefined;
  /** Whether it has waited for the end of the page: timers may be some milliseconds early. */
  hasUsedTime(): boolean;
  /** At the end of a page, however short: the next one waits for what it has read. */
  end(): void;
}

/** Keeps the pace of the log. Does not wait beyond the end of the page's time. */
function createPageKeeper(log: Log, endsMs: number): PageKeeper {
  const keeper = createPaceKeeper(log);
  let isUsed = false;
  return {
    read: (bytes) => {
      const waitMs = keeper.read(bytes);
      if (waitMs === 0) return undefined;
      const leftMs = endsMs - performance.now();
      isUsed = waitMs >= leftMs;
      const boundMs = Math.min(waitMs, leftMs);
      return boundMs > 0 ? sleep(boundMs, undefined, { ref: false }) : undefined;
    },
    hasUsedTime: () => isUsed,
    end: keeper.end,
  };
}

/** More would hold up the event loop for too long. */
const firstPageMessagesMax = 1_024;
const firstPageMessagesMin = 32;

/**
 * How many messages are read at first of each range, so that one request of each is enough where every
 * message is an item: one more than the items shows whether it is the last page.
 */
function firstPageMax(itemsMax: number, ranges: number): number {
  const spare = ranges > 1 ? 1.25 : 1;
  const each = Math.ceil(((itemsMax + 1) / Math.max(1, ranges)) * spare);
  return Math.min(firstPageMessagesMax, Math.max(firstPageMessagesMin, each));
}

/** All that a walk reads, and what is left of it. */
interface WalkRanges {
  readonly ranges: EventRanges;
  readonly rest: EventRanges;
}

async function beginning(log: Log, { stream, sinceMs }: Walk): Promise<WalkRanges> {
  const ranges = await findRanges(log, stream, { sinceMs });
  return { ranges, rest: ranges };
}

/** What a page token says. */
export function walkRanges(positions: readonly WalkPosition[]): WalkRanges {
  return {
    // A caller may have changed the token.
    ranges: positions.map(({ from, upTo }) => ({ from, to: Math.max(upTo, from - 1) })),
    rest: positions.map(({ next, upTo }) => ({ from: next, to: Math.max(upTo, next - 1) })),
  };
}

/** What a page token has to say. */
export function walkPositions(ranges: EventRanges, rest: EventRanges): WalkPosition[] {
  return ranges.map(({ from, to }, index) => ({ next: rest[index]!.from, from, upTo: to }));
}

export function walkProgress(ranges: EventRanges, rest: EventRanges): WalkProgress {
  const { from, upTo, reached } = progressOf(ranges, rest);
  return { from: BigInt(from), upTo: BigInt(upTo), reached: BigInt(Math.max(reached, 0)) };
}
