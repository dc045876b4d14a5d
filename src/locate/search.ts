import { eventNameOf, sourceOf } from '../event/delivery-attempt.ts';
import { originalOfAsideCopy } from '../jetstream/consume/aside/aside-copies.ts';
import { decodeStoredEvent, type StoredEvent } from '../event/stored-event.ts';
import { eventOfEntry, originHeader } from '../dead-letters/dead-letter-entry.ts';
import type { Log } from '../jetstream/log.ts';
import { readMessage, type StoredMessage } from '../jetstream/read/read.ts';
import { anyName, subjects, type StreamName } from '../jetstream/topology.ts';
import { nameOf } from '../quarantine/rejected-entry.ts';
import {
  readPageToken,
  writePageToken,
  type PageStart,
} from '../jetstream/read/walk/page-token.ts';
import {
  walkPart,
  wideLimits,
  type MessageToItem,
  type WalkProgress,
} from '../jetstream/read/walk/walk-pages.ts';
import { createMatchers, type Matchers, type ReadRejected, type Wanted } from './matchers.ts';

export interface Search extends Wanted {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** An empty source or name matches any. */
  readonly source: string;
  readonly eventName: string;
}

export interface SearchPage {
  readonly stored: readonly StoredMessage[];
  /** Positions in REJECTED. */
  readonly rejected: readonly number[];
  /** Entries of DEAD whose event has left EVENTS. */
  readonly dead: readonly StoredMessage[];
  readonly nextPageToken: string;
  readonly walk: WalkProgress;
  /** How many events were compared with what is searched for. */
  readonly compared: number;
}

/** One or more batches may share a correlation id. */
const foundMax = 100;

/**
 * Reads one page: a part of EVENTS, of REJECTED, of ASIDE and of DEAD, by direct reads only. Throws a
 * ServiceError `malformed_request` for a page token of another list. Rejects when the log cannot be
 * reached.
 */
export async function searchPage(
  log: Log,
  search: Search,
  pageToken: string,
  readRejected: ReadRejected,
): Promise<SearchPage> {
  const [inEvents, inRejected, inAside, inDead] = readPageToken('located', 4, pageToken);
  const { isStored, isRejected, isCopy } = createMatchers(search, readRejected);
  const { sinceMs, untilMs, eventName } = search;
  const source = search.source === '' ? '*' : search.source;
  const name = eventName === '' ? anyName : eventName;
  const isWide = search.user !== '' || search.property !== '';
  // It has no time to begin at.
  const limits = { itemsMax: foundMax, ...(isWide && wideLimits) };
  let compared = 0;
  const walk = <Item>(
    stream: StreamName,
    subject: string,
    start: PageStart,
    toItem: MessageToItem<Item>,
    // Copies and dead letters are younger than their events.
    until = Infinity,
  ) =>
    walkPart(
      log,
      { stream, subjects: [subject], sinceMs, untilMs: until },
      start,
      limits,
      (message) => {
        compared += 1;
        return toItem(message);
      },
    );
  const [events, rejected, aside, dead] = await Promise.all([
    walk(
      'EVENTS',
      subjects.eventsOf(source, name),
      inEvents!,
      (message) => (isStored(message) ? message : undefined),
      untilMs,
    ),
    walk(
      'REJECTED',
      subjects.rejectedOf(source),
      inRejected!,
      (message) => {
        if (eventName !== '' && nameOf(message) !== eventName) return undefined;
        return isRejected(message) ? message.sequence : undefined;
      },
      untilMs,
    ),
    walk('ASIDE', subjects.asideOf('*'), inAside!, (message) =>
      isCopy(message) ? readAside(log, search, message) : undefined,
    ),
    walk('DEAD', subjects.dead('*', name), inDead!, (message) =>
      readDead(log, search, message, isCopy),
    ),
  ]);
  return {
    stored: [...(events?.items ?? []), ...withoutTwins(aside?.items ?? [])],
    rejected: rejected?.items ?? [],
    dead: dead?.items ?? [],
    nextPageToken: writePageToken('located', [
      events?.next,
      rejected?.next,
      aside?.next,
      dead?.next,
    ]),
    // EVENTS is usually the longest stream.
    walk: (events ?? rejected ?? aside ?? dead)!.walk,
    compared,
  };
}

/** A dead letter that is searched for, unless its event is still in EVENTS, where its fate shows it. */
async function readDead(
  log: Log,
  { source, untilMs }: Search,
  message: StoredMessage,
  isCopy: Matchers['isCopy'],
): Promise<StoredMessage | undefined> {
  const event = eventOfEntry(message);
  if (event === undefined) return undefined;
  const payload = typeof event === 'string' ? Buffer.from(event) : event;
  if (!isCopy({ payload, header: message.header })) return undefined;
  const facts = storedFacts(payload);
  if (source !== '' && facts.source !== source) return undefined;
  if (Date.parse(facts.timestamp ?? '') >= untilMs) return undefined;
  const origin = Number(message.header(originHeader));
  const isKept = origin > 0 && (await readMessage(log, 'EVENTS', origin)) !== undefined;
  return isKept ? undefined : message;
}

function storedFacts(payload: Uint8Array): Partial<Pick<StoredEvent, 'source' | 'timestamp'>> {
  try {
    return decodeStoredEvent(payload);
  } catch {
    return {};
  }
}

/** The event of a copy in ASIDE that is searched for, unless it is still in EVENTS. */
async function readAside(
  log: Log,
  search: Search,
  message: StoredMessage,
): Promise<StoredMessage | undefined> {
  const { source, eventName, untilMs } = search;
  const original = originalOfAsideCopy(message);
  if (source !== '' && sourceOf(original.subject) !== source) return undefined;
  if (eventName !== '' && eventNameOf(original.subject) !== eventName) return undefined;
  if (original.storedAtMs >= untilMs) return undefined;
  return (await readMessage(log, 'EVENTS', original.sequence)) === undefined ? original : undefined;
}

/** Several destinations may have a copy of one event. */
function withoutTwins(messages: readonly StoredMessage[]): StoredMessage[] {
  return [...new Map(messages.map((message) => [message.sequence, message])).values()];
}
