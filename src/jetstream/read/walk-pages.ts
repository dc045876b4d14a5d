import { ServiceError } from '../../errors.ts';
import type { Log } from '../log.ts';
import { boundsOf, readMatching, sequenceSince, type StoredMessage } from './read.ts';
import type { StreamName } from '../topology.ts';

/** Where a walk through a stream goes. */
export interface Walk {
  readonly stream: StreamName;
  /** One or two of them, walked as one. */
  readonly subjects: readonly string[];
  /** Milliseconds since 1970; 0: from the beginning. */
  readonly sinceMs: number;
  /** Infinity: to the end as it is when the walk begins. */
  readonly untilMs: number;
  /** Empty, or what the page before gave. */
  readonly pageToken: string;
}

export interface WalkPage<Item> {
  readonly items: readonly Item[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
  readonly walk: { readonly from: bigint; readonly upTo: bigint; readonly reached: bigint };
}

/** A page ends here whatever was found: one call reads a bounded part of a stream of millions. */
const scannedMax = 5_000;
const bytesMax = 8 * 1024 * 1024;

/**
 * Walks on by one page: at most `size` of the messages that `take` makes something of, oldest first.
 * Throws a ServiceError `malformed_request` for a page token that is none.
 */
export async function walkPage<Item>(
  log: Log,
  walk: Walk,
  size: number,
  take: (message: StoredMessage) => Promise<Item | undefined> | Item | undefined,
): Promise<WalkPage<Item>> {
  const { from, upTo, next } = await beginning(log, walk);
  const items: Item[] = [];
  let reached = next - 1;
  let scanned = 0;
  let bytes = 0;
  const page = (nextPageToken: string): WalkPage<Item> => ({
    items,
    nextPageToken,
    walk: { from: BigInt(from), upTo: BigInt(upTo), reached: BigInt(Math.max(reached, 0)) },
  });
  for await (const message of readMerged(log, walk, next)) {
    if (message.sequence > upTo || message.storedAtMs >= walk.untilMs) break;
    if (items.length >= size || scanned >= scannedMax || bytes >= bytesMax) {
      return page(`${reached + 1}-${from}-${upTo}`);
    }
    const item = await take(message);
    if (item !== undefined) items.push(item);
    reached = message.sequence;
    scanned += 1;
    bytes += message.payload.length;
  }
  reached = upTo;
  return page('');
}

async function beginning(
  log: Log,
  { stream, sinceMs, pageToken }: Walk,
): Promise<{ from: number; upTo: number; next: number }> {
  if (pageToken !== '') {
    const found = /^(\d{1,15})-(\d{1,15})-(\d{1,15})$/.exec(pageToken);
    if (found === null) {
      throw new ServiceError(
        'malformed_request',
        'page_token is not the next_page_token of a page.',
      );
    }
    const [next, from, upTo] = found.slice(1).map(Number) as [number, number, number];
    return { from, upTo, next: Math.max(1, next) };
  }
  const { first, last } = await boundsOf(log, stream);
  const since = sinceMs > 0 ? await sequenceSince(log, stream, sinceMs) : first;
  const from = Math.max(1, since ?? last + 1);
  return { from, upTo: last, next: from };
}

/** What lies under several subjects, in the order of the stream. */
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
