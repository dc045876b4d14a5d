import { ServiceError } from '../errors.ts';
import { createIdTable } from '../event/id-table.ts';
import { messageIdHeader, type Log } from '../jetstream/log.ts';
import { createReadPositions, type ReadPositions } from '../jetstream/events/event-ranges.ts';
import { readMessage } from '../jetstream/read/read.ts';
import { findRanges, readInOrder } from '../jetstream/read/read-ranges.ts';
import { subjects } from '../jetstream/topology.ts';

/** Finds events in EVENTS after the log itself has forgotten their message ids. */
export interface StoredIds {
  /**
   * Resolves to the position in EVENTS, or undefined if the event was not stored since `sinceMs`.
   * Throws a ServiceError `replay_too_wide`.
   */
  find(event: {
    readonly source: string;
    readonly eventName: string;
    readonly messageId: string;
    readonly sinceMs: number;
  }): Promise<number | undefined>;
}

/** The limit for all tables: 16 bytes per id, in tables that are half empty, are 64 MiB. */
const idsMaxDefault = 2_000_000;
/** How old a table may be: the log itself still knows the ids of newer events. */
const freshMs = 1_000;

/**
 * The log refuses a second copy for ten minutes, but a rejected event may be replayed days later,
 * after its producer or another replay has already sent it. Therefore the events of its source and
 * name that were stored since are read once, and their ids are kept while they are in use.
 */
export function createStoredIds(log: Log, idsMax = idsMaxDefault): StoredIds {
  const tables = new Map<string, IdTable>();
  let last: Promise<unknown> = Promise.resolve();

  const readOn = async (subject: string, table: IdTable): Promise<void> => {
    const { sinceMs, read } = table;
    const ranges = read.restOf(await findRanges(log, 'EVENTS', { sinceMs }));
    for await (const message of readInOrder(log, 'EVENTS', [subject], ranges)) {
      table.add(message.header(messageIdHeader), message.sequence);
      if (countOf(tables) > idsMax) makeRoom(tables, subject, idsMax);
    }
    table.markRead();
  };
  const openTable = async (subject: string, sinceMs: number): Promise<IdTable> => {
    const known = tables.get(subject);
    if (known !== undefined && known.sinceMs <= sinceMs) {
      if (performance.now() - known.readAt() >= freshMs) await readOn(subject, known);
      return known;
    }
    const table = createTable(sinceMs);
    tables.set(subject, table);
    await readOn(subject, table);
    return table;
  };
  // A page looks up hundreds at once: the first look-up reads, and the others use its table.
  const tableOf = (subject: string, sinceMs: number): Promise<IdTable> => {
    const turn = last.then(() => openTable(subject, sinceMs));
    last = turn.catch(() => {});
    return turn;
  };
  return {
    find: async ({ source, eventName, messageId, sinceMs }) => {
      const table = await tableOf(subjects.eventsOf(source, eventName), sinceMs);
      const sequence = table.find(messageId);
      if (sequence === undefined) return undefined;
      // Two ids may share a digest: the message itself decides.
      const message = await readMessage(log, 'EVENTS', sequence);
      return message?.header(messageIdHeader) === messageId ? sequence : undefined;
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
  /** How far EVENTS was read. */
  readonly read: ReadPositions;
  readonly count: () => number;
  /** When it was last read to the end of the stream, as a time of `performance.now()`. */
  readonly readAt: () => number;
  markRead(): void;
  add(id: string, sequence: number): void;
  find(id: string): number | undefined;
}

function createTable(sinceMs: number): IdTable {
  const ids = createIdTable();
  const read = createReadPositions();
  let readAt = -Infinity;
  return {
    sinceMs,
    read,
    count: ids.count,
    readAt: () => readAt,
    markRead: () => {
      readAt = performance.now();
    },
    add: (id, sequence) => {
      ids.add(id, sequence);
      read.pass(sequence);
    },
    find: ids.find,
  };
}
