import type { PoolClient } from 'pg';
import { olderEventTime } from '../older-event-time.ts';
import { runCopies } from './copy/copy-tables.ts';
import type { ReadDelivery } from './rows/read-delivery.ts';
import { textArray } from './rows/text-array.ts';
import type { InsertStatement, PostgresTables } from './typed-tables.ts';

/** What writes a batch. */
export interface BatchWriters {
  /** The statement for the table of all events. */
  readonly insert: string | undefined;
  readonly typed: PostgresTables | undefined;
  /** Whether rows of typed tables go by `COPY`. */
  readonly byCopy: boolean;
}

/** Writes a batch in one transaction. Throws what `runCopies` throws. */
export async function writeRows(
  client: PoolClient,
  { insert, typed, byCopy }: BatchWriters,
  batch: readonly ReadDelivery[],
): Promise<void> {
  if (batch.length === 0) return;
  // First: it finds damaged payloads, which PostgreSQL would refuse.
  const ofTables = await typed?.prepare(client, batch, byCopy);
  const ofAll = insert === undefined ? [] : [insertOfAll(insert, batch)];
  const inserts = [...ofAll, ...(ofTables?.inserts ?? [])];
  const copies = ofTables?.copies ?? [];
  // One statement, or copies alone, are a transaction of their own, in one round trip instead of three.
  const needsTransaction = inserts.length + Math.min(1, copies.length) > 1;
  if (needsTransaction) await client.query('BEGIN');
  for (const statement of inserts) await client.query(statement);
  const last = needsTransaction ? ['COMMIT'] : [];
  const check = ofTables?.checkEmpty;
  if (copies.length > 0) await runCopies(client, copies, { checkEmpty: check, last });
  else if (needsTransaction) await client.query('COMMIT');
}

function insertOfAll(insert: string, batch: readonly ReadDelivery[]): InsertStatement {
  const alive = batch.filter((delivery) => !delivery.isDead());
  const payloads = alive.map((delivery) => delivery.text());
  const sequences = alive.map(({ sequence }) => String(sequence));
  const arrays = [payloads, sequences, payloads.map(olderEventTime)];
  return { text: insert, values: arrays.map(textArray) };
}
