import { ServiceError } from '../errors.ts';
import type { Log } from '../jetstream/log.ts';
import { boundsOf, readMatching, readMessage, sequenceSince } from '../jetstream/read.ts';
import { subjects } from '../jetstream/topology.ts';

/** Says whether an event is in EVENTS, after the log itself has forgotten its message id. */
export interface StoredIds {
  /**
   * Its place in EVENTS; undefined: it was not stored since. Throws a ServiceError
   * `replay_too_wide`.
   */
  find(event: {
    readonly source: string;
    readonly eventName: string;
    readonly messageId: string;
    readonly sinceMs: number;
  }): Promise<number | undefined>;
}

/** Of all events together; 16 bytes each, in tables that are half empty: 64 MiB. */
const idsMaxDefault = 2_000_000;
/** What came later the log still knows by itself. */
const freshMs = 1_000;

/**
 * The log refuses a second copy for ten minutes, and a rejected event may be replayed days later: its
 * producer, or another replay, may have sent it meanwhile. So what was stored of its source and name
 * since then is read once, and its ids are kept while they are asked for.
 */
export function createStoredIds(log: Log, idsMax = idsMaxDefault): StoredIds {
  const tables = new Map<string, IdTable>();

  const tableOf = async (subject: string, sinceMs: number): Promise<IdTable> => {
    let table = tables.get(subject);
    if (table === undefined || table.sinceMs > sinceMs) {
      const from = await sequenceSince(log, 'EVENTS', sinceMs);
      table = createIdTable(sinceMs, from ?? (await boundsOf(log, 'EVENTS')).last + 1);
      tables.set(subject, table);
    } else if (performance.now() - table.readAt() < freshMs) return table;
    for await (const message of readMatching(log, 'EVENTS', subject, table.next)) {
      table.add(message.header('Nats-Msg-Id'), message.sequence);
      if (countOf(tables) > idsMax) makeRoom(tables, subject, idsMax);
    }
    table.wasRead();
    return table;
  };
  return {
    find: async ({ source, eventName, messageId, sinceMs }) => {
      const table = await tableOf(subjects.event(source, eventName), sinceMs);
      const sequence = table.find(messageId);
      if (sequence === undefined) return undefined;
      // Two ids may have one digest; what lies there tells.
      const message = await readMessage(log, 'EVENTS', sequence);
      return message?.header('Nats-Msg-Id') === messageId ? sequence : undefined;
    },
  };
}

function countOf(tables: ReadonlyMap<string, IdTable>): number {
  let count = 0;
  for (const table of tables.values()) count += table.count();
  return count;
}

function makeRoom(tables: Map<string, IdTable>, subject: string, idsMax: number): void {
  const mine = tables.get(subject)!;
  tables.clear();
  if (mine.count() > idsMax) {
    throw new ServiceError(
      'replay_too_wide',
      `More than ${idsMax} events were stored under ${subject} since then.`,
    );
  }
  tables.set(subject, mine);
}

interface IdTable {
  readonly sinceMs: number;
  /** The place from which EVENTS is still to be read. */
  readonly next: number;
  readonly count: () => number;
  /** When it was last read to the end of the stream; by the clock of `performance.now()`. */
  readonly readAt: () => number;
  wasRead(): void;
  add(id: string, sequence: number): void;
  find(id: string): number | undefined;
}

/** Digests and places, in open addressing. */
function createIdTable(sinceMs: number, from: number): IdTable {
  let digests = new Float64Array(1024);
  let places = new Float64Array(1024);
  let count = 0;
  let next = from;
  let readAt = -Infinity;
  const slotOf = (digest: number): number => {
    let slot = digest % digests.length;
    while (places[slot] !== 0 && digests[slot] !== digest) slot = (slot + 1) % digests.length;
    return slot;
  };
  const put = (digest: number, place: number): void => {
    const slot = slotOf(digest);
    digests[slot] = digest;
    places[slot] = place;
  };
  const grow = (): void => {
    const [oldDigests, oldPlaces] = [digests, places];
    digests = new Float64Array(oldDigests.length * 2);
    places = new Float64Array(oldDigests.length * 2);
    for (const [slot, place] of oldPlaces.entries()) if (place !== 0) put(oldDigests[slot]!, place);
  };
  return {
    sinceMs,
    get next() {
      return next;
    },
    count: () => count,
    readAt: () => readAt,
    wasRead: () => {
      readAt = performance.now();
    },
    add: (id, sequence) => {
      if (count * 2 >= digests.length) grow();
      put(digestOf(id), sequence);
      count += 1;
      next = sequence + 1;
    },
    find: (id) => places[slotOf(digestOf(id))] || undefined,
  };
}

/** 53 bits of FNV-1a in two halves: enough to tell ids apart, and a number. */
function digestOf(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x1b873593;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ (code + at), 0x85ebca6b);
  }
  return (high >>> 11) * 0x1_0000_0000 + (low >>> 0);
}
