import type { PoolClient } from 'pg';
import type { Delivery } from '../destination.ts';
import { olderEventTime } from '../older-event-time.ts';
import { readTypedPayload } from '../tables/event-row.ts';
import { runCopies } from './copy/copy-tables.ts';
import { textArray } from './text-array.ts';
import type { InsertStatement, PostgresTables, TypedEvent } from './typed-tables.ts';

const decoder = new TextDecoder();

/** A delivery whose payload is read. */
export interface ReadDelivery {
  readonly payload: string;
  readonly sequence: number;
  /** Undefined if PostgreSQL reads the payload itself. */
  readonly typed: TypedEvent | undefined;
}

/** For tables of events. What can never be a row is dead, and its reason is returned. */
export function readDelivery(
  { payload, sequence }: Delivery,
  isTyped: boolean,
): ReadDelivery | string {
  const text = decoder.decode(payload);
  if (!isTyped) return { payload: text, sequence, typed: undefined };
  const event = readTypedPayload(text);
  return typeof event === 'string'
    ? event
    : { payload: text, sequence, typed: { event, sequence } };
}

/** What writes a batch. */
export interface BatchWriters {
  /** The statement for the table of all events. */
  readonly insert: string | undefined;
  readonly typed: PostgresTables | undefined;
  /** Whether rows of typed tables go by `COPY`. */
  readonly byCopy: boolean;
}

/** Writes a batch in one transaction. Throws a NoCopyError if it should go without `COPY`. */
export async function writeRows(
  client: PoolClient,
  { insert, typed, byCopy }: BatchWriters,
  batch: readonly ReadDelivery[],
): Promise<void> {
  if (batch.length === 0) return;
  const ofAll = insert === undefined ? [] : [insertOfAll(insert, batch)];
  const events = batch.map((one) => one.typed).filter((event) => event !== undefined);
  const ofTables = await typed?.prepare(client, events, byCopy);
  const inserts = [...ofAll, ...(ofTables?.inserts ?? [])];
  const copies = ofTables?.copies ?? [];
  // One statement, or copies alone, are a transaction of their own, in one round trip instead of three.
  const needsTransaction = inserts.length + Math.min(1, copies.length) > 1;
  if (needsTransaction) await client.query('BEGIN');
  for (const statement of inserts) await client.query(statement);
  const last = needsTransaction ? ['COMMIT'] : [];
  if (copies.length > 0) await runCopies(client, copies, last);
  else if (needsTransaction) await client.query('COMMIT');
}

function insertOfAll(insert: string, batch: readonly ReadDelivery[]): InsertStatement {
  const payloads = batch.map(({ payload }) => payload);
  const sequences = batch.map(({ sequence }) => String(sequence));
  const arrays = [payloads, sequences, payloads.map(olderEventTime)];
  return { text: insert, values: arrays.map(textArray) };
}
