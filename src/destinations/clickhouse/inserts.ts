import { hash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { delivered, stoppedText, type Delivery, type Outcome } from '../destination.ts';
import { TableFault } from '../tables/table-fault.ts';
import type { ClickhouseConnection } from './connection.ts';
import { faultOf, isTableGone } from './fault.ts';
import { readAnswer } from './read-answer.ts';
import { idBytes, type RowLayout } from './rows/row-layout.ts';
import { piecesOf, type RowBytes } from './rows/row-writer.ts';

/** What an insert and the statements before it are sent with. */
export interface QueryOptions {
  readonly abort_signal: AbortSignal;
  readonly query_id: string;
}

/** A row that a table gets. It has no more of its event than it needs: thousands wait for their insert. */
export interface InsertedRow extends RowBytes {
  readonly layout: RowLayout;
  /** Its event, for the case that the row has to be written in another layout. */
  readonly delivery: Delivery;
  /** Of the event in its batch. */
  readonly index: number;
}

/** Rows that are written in one turn of the event loop: about 2 ms. */
export const rowsPerPiece = 500;

export function bySequence(one: InsertedRow, other: InsertedRow): number {
  return one.delivery.sequence - other.delivery.sequence;
}

/** A table that gets rows. */
export interface InsertTarget {
  /** Quoted. */
  readonly table: string;
  /** Creates what is missing. Called before each insert; does nothing if all is there. */
  prepare(options: QueryOptions): Promise<void>;
  /** The table, or a column, is not there any more. */
  forget(): void;
  /** How its rows are written. It may be another one after `prepare`. */
  layout(): RowLayout;
  /** The same rows in the layout of now. */
  rewrite(rows: readonly InsertedRow[]): InsertedRow[];
}

export interface Inserts {
  /** Inserts rows, in the order of the log. One outcome for each row. */
  write(
    target: InsertTarget,
    rows: readonly InsertedRow[],
    signal: AbortSignal,
  ): Promise<Outcome[]>;
}

const stopped = new Error(stoppedText);

/**
 * A batch is one insert with a token made of its events: the server drops the same batch the second time. A
 * batch in which an event may be refused is halved, until the event is found.
 */
export function createInserts(connection: ClickhouseConnection, timeoutMs: number): Inserts {
  const { client } = connection;

  const write: Inserts['write'] = async (target, rows, signal) => {
    if (rows.length === 0) return [];
    const queryId = randomUUID();
    // The client's own timeout covers only a silent connection, not the whole call.
    const late = AbortSignal.timeout(timeoutMs);
    const whole = AbortSignal.any([signal, late]);
    try {
      whole.throwIfAborted();
      await target.prepare({ abort_signal: whole, query_id: queryId });
      const layout = target.layout();
      const isOfNow = rows.every((row) => row.layout === layout);
      const written = isOfNow ? rows : target.rewrite(rows);
      const columns = layout.columns.map(([name]) => name).join(', ');
      const answer = await client.exec({
        query: `INSERT INTO ${target.table} (${columns}) FORMAT ${layout.format}`,
        values: Readable.from(bodyOf(layout, written), { objectMode: false }),
        query_id: queryId,
        abort_signal: whole,
        clickhouse_settings: {
          ...insertSettings,
          insert_deduplication_token: tokenOf(target.table, written),
        },
      });
      await readAnswer(answer, whole);
      return rows.map(() => delivered);
    } catch (error) {
      if (isTableGone(error)) target.forget();
      const head = connection.takeHead(queryId);
      const reason = late.aborted ? new Error(`none within ${timeoutMs} ms`) : error;
      const { ofEvent, outcome } = faultOfInsert(signal.aborted ? stopped : reason, head);
      if (!ofEvent || rows.length === 1) return rows.map(() => outcome);
    }
    const middle = rows.length >> 1;
    const first = await write(target, rows.slice(0, middle), signal);
    return [...first, ...(await write(target, rows.slice(middle), signal))];
  };

  return { write };
}

function faultOfInsert(
  error: unknown,
  head: ReturnType<ClickhouseConnection['takeHead']>,
): ReturnType<typeof faultOf> {
  if (!(error instanceof TableFault)) return faultOf(error, head);
  const outcome = { kind: 'retry', fault: 'destination', reason: error.message } as const;
  return { ofEvent: false, outcome };
}

const insertSettings = {
  // Each insert is answered when it is written, and by itself: its token is its own.
  async_insert: 0,
  insert_deduplicate: 1,
  date_time_input_format: 'best_effort',
  // The head of a binary insert is compared with the table, so that a column of another type is an error.
  input_format_with_names_use_header: 1,
  input_format_with_types_use_header: 1,
  // Merges and FINAL leave one row of each event. To look for copies within each insert, too, takes a fifth
  // of the CPU of an insert.
  optimize_on_insert: 0,
} as const;

/** Text needs no head, and a stream that begins with nothing would end there. */
function* bodyOf({ head }: RowLayout, rows: readonly InsertedRow[]): Generator<Buffer> {
  if (head.length > 0) yield head;
  yield* piecesOf(rows);
}

const sequenceBytes = 8;

/**
 * ClickHouse drops an insert whose token it knows, without reading it. So the token depends on
 * every event and its sequence. A replay has new sequences: it can restore rows that somebody
 * deleted. It does not depend on the layout, which may change before the same batch comes again.
 */
function tokenOf(table: string, rows: readonly InsertedRow[]): string {
  const keys = Buffer.allocUnsafe(rows.length * (idBytes + sequenceBytes));
  let at = 0;
  for (const row of rows) {
    row.layout.copyId(row, keys, at);
    at = keys.writeDoubleLE(row.delivery.sequence, at + idBytes);
  }
  return hash('sha256', Buffer.concat([Buffer.from(`${table}\n`), keys]), 'hex');
}
