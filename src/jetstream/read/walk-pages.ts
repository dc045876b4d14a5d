import type { Log } from '../log.ts';
import type { StreamName } from '../topology.ts';
import {
  readPageToken,
  writePageToken,
  type PagedList,
  type PageStart,
  type WalkPosition,
} from './page-token.ts';
import { boundsOf, readMatching, sequenceSince, type StoredMessage } from './read.ts';

/** The messages of a stream that a walk reads, oldest first. */
export interface Walk {
  readonly stream: StreamName;
  /** Read together, in the order of the stream. Without subjects the walk is empty. */
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
  /** How long one call reads: a page has at least one message. Default: no limit. */
  readonly durationMsMax?: number;
}

/** Makes an item from a message; undefined if the message is not in the list. */
export type MessageToItem<Item> = (
  message: StoredMessage,
) => Promise<Item | undefined> | Item | undefined;

/** The progress of a walk, as in `headgate.v1.StreamWalk`. */
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
  readonly next: WalkPosition | undefined;
  readonly walk: WalkProgress;
}

const messagesMaxDefault = 5_000;
const bytesMaxDefault = 8 * 1024 * 1024;

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
  const { itemsMax, messagesMax = messagesMaxDefault, bytesMax = bytesMaxDefault } = limits;
  const { from, upTo, next } = start === 'beginning' ? await beginning(log, walk) : start;
  const endsMs = performance.now() + (limits.durationMsMax ?? Infinity);
  const isOver = (): boolean => messages > 0 && performance.now() >= endsMs;
  const items: Item[] = [];
  let reached = next - 1;
  let messages = 0;
  let bytes = 0;
  const part = (nextPosition: WalkPosition | undefined): WalkedPart<Item> => ({
    items,
    next: nextPosition,
    walk: { from: BigInt(from), upTo: BigInt(upTo), reached: BigInt(Math.max(reached, 0)) },
  });
  for await (const message of readMerged(log, walk, next)) {
    if (message.sequence > upTo || message.storedAtMs >= walk.untilMs) break;
    if (items.length >= itemsMax || messages >= messagesMax || bytes >= bytesMax || isOver()) {
      return part({ next: reached + 1, from, upTo });
    }
    const item = await toItem(message);
    if (item !== undefined) items.push(item);
    reached = message.sequence;
    messages += 1;
    bytes += message.payload.length;
  }
  reached = upTo;
  return part(undefined);
}

async function beginning(log: Log, { stream, sinceMs }: Walk): Promise<WalkPosition> {
  const { first, last } = await boundsOf(log, stream);
  const since = sinceMs > 0 ? await sequenceSince(log, stream, sinceMs) : first;
  const from = Math.max(1, since ?? last + 1);
  return { from, upTo: last, next: from };
}

/** The messages of several subjects, in the order of the stream. */
async function* readMerged(log: Log, walk: Walk, next: number): AsyncGenerator<StoredMessage> {
  const streams = walk.subjects.map((subject) => readMatching(log, walk.stream, subject, next));
  const heads = await Promise.all(streams.map((stream) => stream.next()));
  for (;;) {
    let nearest = -1;
    for (const [index, head] of heads.entries()) {
      if (head.done === true) continue;
      const best = nearest === -1 ? undefined : heads[nearest]!;
      if (best === undefined || head.value.sequence < (best.value as StoredMessage).sequence) {
        nearest = index;
      }
    }
    if (nearest === -1) return;
    yield heads[nearest]!.value as StoredMessage;
    heads[nearest] = await streams[nearest]!.next();
  }
}
