import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { delivered, stoppedText, type Outcome } from '../destination.ts';
import { TableFault } from '../tables/table-fault.ts';
import type { ClickhouseConnection } from './connection.ts';
import { faultOf, isTableGone } from './fault.ts';

/** What an insert and the statements before it are sent with. */
export interface QueryOptions {
  readonly abort_signal: AbortSignal;
  readonly query_id: string;
}

/** A row that a table gets. */
export interface InsertedRow {
  readonly eventId: string;
  readonly sequence: number;
}

/** Rows that become text in one turn of the event loop: about 2 ms, and a write of half a megabyte. */
export const rowsPerPiece = 500;

export function bySequence(one: InsertedRow, other: InsertedRow): number {
  return one.sequence - other.sequence;
}

/** A table that gets rows. */
export interface InsertTarget<Row extends InsertedRow> {
  /** Quoted. */
  readonly table: string;
  /** Creates what is missing. Called before each insert; does nothing if all is there. */
  prepare(options: QueryOptions): Promise<void>;
  /** The table, or a column, is not there any more. */
  forget(): void;
  /** Called after `prepare`. */
  columns(): readonly string[];
  /**
   * The rows as TabSeparated has them, in the order of the columns, each with its line feed. Called after `prepare`;
   * a piece is taken when the connection has room for it.
   */
  textOf(rows: readonly Row[]): Iterable<Buffer>;
}

export interface Inserts {
  /** Inserts rows, in the order of the log. One outcome for each row. */
  write<Row extends InsertedRow>(
    target: InsertTarget<Row>,
    rows: readonly Row[],
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
      await client.insert({
        table: target.table,
        values: Readable.from(target.textOf(rows), { objectMode: false }),
        columns: [...target.columns()] as [string, ...string[]],
        format: 'TabSeparated',
        query_id: queryId,
        abort_signal: whole,
        clickhouse_settings: { ...insertSettings, insert_deduplication_token: tokenOf(rows) },
      });
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
  // Merges and FINAL leave one row of each event. To look for copies within each insert, too, takes a fifth
  // of the CPU of an insert.
  optimize_on_insert: 0,
} as const;

/**
 * ClickHouse drops an insert whose token it knows, without reading it. So the token depends on
 * every event and its sequence. A replay has new sequences: it can restore rows that somebody
 * deleted.
 */
function tokenOf(rows: readonly InsertedRow[]): string {
  const hash = createHash('sha256');
  hash.update(rows.map(({ eventId, sequence }) => `${eventId} ${sequence}\n`).join(''));
  return hash.digest('hex');
}
