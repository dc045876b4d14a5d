import { Code } from '@connectrpc/connect';

import type { TablePlan } from '../tables/plan-table.ts';
import { columnsOf } from './columns.ts';
import { BigqueryError, errorOf } from './fault.ts';
import type { Append, Journal, Row, TableKind } from './journal.ts';
import type { Storage } from './storage.ts';

/** Why rows were refused, by the ids of their events. */
export type RefusedRows = ReadonlyMap<string, string>;

/** Writes rows once: each is in the journal, with its place, before it is sent. */
export interface Writer {
  /** Rejects if it is not known whether all rows are stored: `finish` says so later. */
  write(
    kind: TableKind,
    plan: TablePlan,
    rows: readonly Row[],
    signal: AbortSignal,
  ): Promise<RefusedRows>;
  /** Sends again what may not be stored, at the same place; and what is before it. */
  finish(appendId: number, signal: AbortSignal): Promise<RefusedRows>;
}

/** A request has at most 10 MB: rows, and the descriptor of their columns. */
const requestBytesMax = 9_000_000;

/** The most bytes that a row can have. */
export const rowBytesMax = requestBytesMax;

/** What Protobuf adds to a row. */
const rowOverhead = 8;

/** Requests in which BigQuery names more rows that it refuses, or its stream is gone. The next call goes on. */
const attemptsMax = 10;

/** The stream is not what it was: its rows need another. */
const lostStream: readonly (number | undefined)[] = [
  Code.NotFound,
  Code.FailedPrecondition,
  Code.OutOfRange,
];

interface OwnStream {
  readonly name: string;
  /** Where the next row goes. */
  next: number;
}

/** What a call of the writer needs. */
interface WriterParts {
  readonly storage: Storage;
  readonly journal: Journal;
  /** Is called when a table turns out to be missing or to lack columns. */
  readonly missing: (table: string) => void;
  /** By table. A process writes to streams of its own, so that it alone decides about offsets. */
  readonly streams: Map<string, OwnStream>;
}

/** A call, and what it finds out. */
interface WriterCall {
  readonly signal: AbortSignal;
  readonly refused: Map<string, string>;
}

export function createWriter(given: Omit<WriterParts, 'streams'>): Writer {
  const parts: WriterParts = { ...given, streams: new Map() };
  const { journal } = parts;
  const finishStream = async (stream: string, call: WriterCall): Promise<void> => {
    for (const append of journal.pendingOf(stream)) await send(parts, append, call);
  };
  return {
    async write(kind, { table, columns: own }, rows, signal) {
      const call = { signal, refused: new Map<string, string>() };
      const columns = columnsOf({ columns: own });
      for (const part of partsOf(rows)) {
        const known = await streamOf(parts, table, signal);
        await finishStream(known.name, call);
        // It may have been replaced.
        const { name: stream, next: offset } = await streamOf(parts, table, signal);
        const append = journal.add(kind, { table, stream, offset, columns, rows: part });
        if (append === undefined) throw new BigqueryError('another process has the same events');
        await send(parts, append, call);
      }
      return call.refused;
    },
    async finish(appendId, signal) {
      const call = { signal, refused: new Map<string, string>() };
      const append = journal.read(appendId);
      if (append !== undefined) await finishStream(append.stream, call);
      return call.refused;
    },
  };
}

/** Sends rows until they are stored, or refused for themselves, or something else is the matter. */
async function send(parts: WriterParts, first: Append, call: WriterCall): Promise<void> {
  const { storage, journal, missing } = parts;
  let append: Append | undefined = first;
  for (let attempt = 1; append !== undefined && append.rows.length > 0; attempt += 1) {
    const fault: BigqueryError | undefined = await storage
      .append(append, call.signal)
      .then(() => undefined, errorOf);
    if (fault === undefined) return noteStored(parts, append);
    const isLost = lostStream.includes(fault.code);
    const isRefused = fault.rows.size > 0;
    if (fault.code === Code.InvalidArgument && !isRefused) missing(append.table);
    if ((!isLost && !isRefused) || attempt >= attemptsMax) throw fault;
    const by: Append = isLost
      ? await moved(parts, append, call.signal)
      : withoutRows(append, fault.rows, call.refused);
    append = journal.replace(append, by) ? by : journal.read(append.id);
  }
}

function noteStored({ journal, streams }: WriterParts, append: Append): void {
  journal.stored(append);
  const own = streams.get(append.table);
  if (own?.name === append.stream) own.next = append.offset + append.rows.length;
}

/** The same rows for a new stream: theirs is gone. */
async function moved(parts: WriterParts, append: Append, signal: AbortSignal): Promise<Append> {
  const { journal, streams } = parts;
  const { table } = append;
  if (streams.get(table)?.name === append.stream) streams.delete(table);
  try {
    return { ...append, stream: await createStream(parts, table, signal), offset: 0 };
  } catch (error) {
    // Without the table none of its rows exist.
    if (errorOf(error).code === Code.NotFound) journal.abandon(append);
    throw error;
  }
}

async function streamOf(
  parts: WriterParts,
  table: string,
  signal: AbortSignal,
): Promise<OwnStream> {
  const known = parts.streams.get(table);
  if (known !== undefined) return known;
  const made = { name: await createStream(parts, table, signal), next: 0 };
  parts.streams.set(table, made);
  return made;
}

async function createStream(
  { storage, missing }: WriterParts,
  table: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    return await storage.createStream(table, signal);
  } catch (error) {
    if (errorOf(error).code === Code.NotFound) missing(table);
    throw error;
  }
}

function withoutRows(
  append: Append,
  reasons: ReadonlyMap<number, string>,
  refused: Map<string, string>,
): Append {
  for (const [index, reason] of reasons) {
    const row = append.rows[index];
    if (row !== undefined) refused.set(row.eventId, reason);
  }
  return { ...append, rows: append.rows.filter((_row, index) => !reasons.has(index)) };
}

function partsOf(rows: readonly Row[]): Row[][] {
  const parts: Row[][] = [];
  let part: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    const size = row.bytes.length + rowOverhead;
    if (part.length === 0 || bytes + size > requestBytesMax) {
      parts.push((part = []));
      bytes = 0;
    }
    part.push(row);
    bytes += size;
  }
  return parts;
}
