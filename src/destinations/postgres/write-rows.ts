import type { PoolClient } from 'pg';
import type { Delivery } from '../destination.ts';
import { olderEventTime } from '../older-event-time.ts';
import { readTypedPayload } from '../tables/event-row.ts';
import { refusedCopy, runCopies, type TableCopy } from './copy/copy-tables.ts';
import { textArray } from './text-array.ts';
import type { InsertStatement, PostgresTables, TableWrite, TypedEvent } from './typed-tables.ts';

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
export interface RowWriters {
  /** The statement for the table of all events. */
  readonly insert: string | undefined;
  readonly typed: PostgresTables | undefined;
  readonly copyRowsMin: number;
}

/** Writes a batch in one transaction. Returns whether `COPY` took part. */
export async function writeRows(
  client: PoolClient,
  { insert, typed, copyRowsMin }: RowWriters,
  batch: readonly ReadDelivery[],
): Promise<boolean> {
  if (batch.length === 0) return false;
  const writes: TableWrite[] = [];
  if (insert !== undefined) writes.push(insertOfAll(insert, batch));
  if (typed !== undefined) {
    const events = batch.map((one) => one.typed).filter((event) => event !== undefined);
    writes.push(...(await typed.prepare(client, events, copyRowsMin)));
  }
  if (writes.some(isCopy)) {
    await runWithCopies(client, writes);
    return true;
  }
  // One statement is a transaction of its own, in one round trip instead of three.
  const needsTransaction = writes.length > 1;
  if (needsTransaction) await client.query('BEGIN');
  for (const write of writes) if (!isCopy(write)) await client.query(write);
  if (needsTransaction) await client.query('COMMIT');
  return false;
}

function insertOfAll(insert: string, batch: readonly ReadDelivery[]): InsertStatement {
  const payloads = batch.map(({ payload }) => payload);
  const sequences = batch.map(({ sequence }) => String(sequence));
  const arrays = [payloads, sequences, payloads.map(olderEventTime)];
  return { text: insert, values: arrays.map(textArray) };
}

function isCopy(write: TableWrite): write is TableCopy {
  return 'rows' in write;
}

/** One transaction. Copies that follow each other take one round trip, and so they do not need another to begin one. */
async function runWithCopies(client: PoolClient, writes: readonly TableWrite[]): Promise<void> {
  const needsTransaction = !writes.every(isCopy);
  try {
    if (needsTransaction) await client.query('BEGIN');
    let copies: TableCopy[] = [];
    for (const write of writes) {
      if (isCopy(write)) {
        copies.push(write);
        continue;
      }
      if (copies.length > 0) await runCopies(client, copies, []);
      copies = [];
      await client.query(write);
    }
    const last = needsTransaction ? ['COMMIT'] : [];
    if (copies.length > 0) await runCopies(client, copies, last);
    else await client.query('COMMIT');
  } catch (error) {
    throw refusedCopy(error);
  }
}
