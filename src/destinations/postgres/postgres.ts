import type { PoolClient } from 'pg';
import { closeWhenIdle } from '../close-when-idle.ts';
import {
  delivered,
  type Delivery,
  type Destination,
  type DestinationContext,
  type DestinationSettings,
  type Outcome,
} from '../destination.ts';
import { createPostgresConnections, type PostgresConnections } from './connections.ts';
import { olderEventTime } from '../older-event-time.ts';
import { faultOf, isNotAllowed, isTableGone, isTableOther } from './fault.ts';
import { readTypedPayload } from '../tables/event-row.ts';
import { readPostgresTables, readPostgresWindow } from './reader.ts';
import { tablesOf } from '../tables/table-mode.ts';
import { readConnection, readTable } from './settings.ts';
import {
  addEventTime,
  createTable,
  findEventTime,
  findTable,
  insertEvents,
  lockCreation,
} from './table.ts';
import { textArray } from './text-array.ts';
import {
  createPostgresTables,
  type InsertStatement,
  type PostgresTables,
  type TypedEvent,
} from './typed-tables.ts';

/** Events per commit. While two such commits are under way, as many events wait for the next ones. */
const batchEventsMax = 1_000;

/**
 * The limit of one statement. A larger batch is split into several; a single event may be larger.
 */
const statementBytesMax = 8 * 1024 * 1024;

/**
 * One row per event in a table of PostgreSQL, in the table of the event, or in both.
 *
 * A batch is one transaction, committed before it is reported delivered. Counted once: a second copy
 * of an event meets the primary key, `event_id`, and changes nothing. An event that PostgreSQL
 * refuses is found by halving its batch; the others arrive.
 *
 * Opening needs no server: one that is down when Headgate starts is an outage like any other.
 */
export function createPostgresDestination(
  name: string,
  settings: DestinationSettings,
  context?: DestinationContext,
): Destination {
  const { table, schema } = readTable(name, settings);
  const { mode, prefix } = tablesOf(name, settings);
  const typed = mode === 'events' ? undefined : createPostgresTables(schema, prefix);
  const connection = readConnection(name, settings);
  const connections = createPostgresConnections(connection);
  /** The statement for the table as it is. */
  let ready: Promise<string> | undefined;

  const prepare = (signal: AbortSignal): Promise<string> => {
    ready ??= makeTable(connections, table, signal).then(
      (hasEventTime) => insertEvents(table, hasEventTime),
      (error: unknown) => {
        ready = undefined;
        throw error;
      },
    );
    return ready;
  };

  const write = async (batch: readonly ReadDelivery[], signal: AbortSignal): Promise<Outcome[]> => {
    try {
      const insert = mode === 'per_event' ? undefined : await prepare(signal);
      await connections.use(signal, (client) => writeRows(client, { insert, typed }, batch));
      return batch.map(() => delivered);
    } catch (error) {
      if (isTableGone(error)) ready = undefined;
      if (typed !== undefined && isTableOther(error)) typed.forget();
      const { ofEvent, outcome } = faultOf(error, typed !== undefined);
      if (!ofEvent || batch.length === 1) return batch.map(() => outcome);
    }
    const middle = batch.length >> 1;
    const first = await write(batch.slice(0, middle), signal);
    return [...first, ...(await write(batch.slice(middle), signal))];
  };

  const deliver = async (batch: readonly Delivery[], signal: AbortSignal): Promise<Outcome[]> => {
    if (typed !== undefined && context !== undefined) typed.use(context.contracts());
    const outcomes: Outcome[] = [];
    for (const part of partsOf(batch)) {
      const read = part.map((delivery) => readDelivery(delivery, typed !== undefined));
      const written = await write(
        read.filter((one) => typeof one !== 'string'),
        signal,
      );
      for (const one of read) {
        outcomes.push(typeof one === 'string' ? { kind: 'dead', reason: one } : written.shift()!);
      }
    }
    return outcomes;
  };

  return {
    batchEventsMax,
    concurrency: Number(settings['concurrency']),
    ...closeWhenIdle(deliver, connections.close),
    stored: (window) =>
      mode === 'per_event'
        ? readPostgresTables(connection, { schema, prefix }, window)
        : readPostgresWindow(connection, table, window),
  };
}

const decoder = new TextDecoder();

interface ReadDelivery {
  readonly payload: string;
  readonly sequence: number;
  /** Undefined if PostgreSQL reads the payload itself. */
  readonly typed: TypedEvent | undefined;
}

/** For tables of events. What can never be a row is dead, and its reason is returned. */
function readDelivery({ payload, sequence }: Delivery, isTyped: boolean): ReadDelivery | string {
  const text = decoder.decode(payload);
  if (!isTyped) return { payload: text, sequence, typed: undefined };
  const event = readTypedPayload(text);
  return typeof event === 'string'
    ? event
    : { payload: text, sequence, typed: { event, sequence } };
}

interface RowWriters {
  /** The statement for the table of all events. */
  readonly insert: string | undefined;
  readonly typed: PostgresTables | undefined;
}

async function writeRows(
  client: PoolClient,
  { insert, typed }: RowWriters,
  batch: readonly ReadDelivery[],
): Promise<void> {
  if (batch.length === 0) return;
  const statements: InsertStatement[] = [];
  if (insert !== undefined) {
    const payloads = batch.map(({ payload }) => payload);
    const sequences = batch.map(({ sequence }) => String(sequence));
    const arrays = [payloads, sequences, payloads.map(olderEventTime)];
    statements.push({ text: insert, values: arrays.map(textArray) });
  }
  if (typed !== undefined) {
    const events = batch.map((one) => one.typed).filter((event) => event !== undefined);
    statements.push(...(await typed.prepare(client, events)));
  }
  // One statement is a transaction of its own, in one round trip instead of three.
  const needsTransaction = statements.length > 1;
  if (needsTransaction) await client.query('BEGIN');
  for (const statement of statements) await client.query(statement);
  if (needsTransaction) await client.query('COMMIT');
}

function* partsOf(batch: readonly Delivery[]): Generator<readonly Delivery[]> {
  let start = 0;
  let bytes = 0;
  for (const [index, { payload }] of batch.entries()) {
    if (index > start && bytes + payload.length > statementBytesMax) {
      yield batch.slice(start, index);
      start = index;
      bytes = 0;
    }
    bytes += payload.length;
  }
  if (start < batch.length) yield batch.slice(start);
}

/** Whether the table has a column for the time of an event. */
function makeTable(
  connections: PostgresConnections,
  table: string,
  signal: AbortSignal,
): Promise<boolean> {
  return connections.use(signal, async (client) => {
    const isThere = async (query: string): Promise<boolean> =>
      (await client.query<{ there: boolean }>(query, [table])).rows[0]?.there === true;
    if (await isThere(findTable)) {
      if (await isThere(findEventTime)) return true;
      return addColumn(client, table);
    }
    await client.query('BEGIN');
    await client.query(lockCreation);
    if (!(await isThere(findTable))) {
      for (const statement of createTable(table)) await client.query(statement);
    }
    await client.query('COMMIT');
    return isThere(findEventTime);
  });
}

/** A table that belongs to another user stays as it is, and is filled as before. */
async function addColumn(client: PoolClient, table: string): Promise<boolean> {
  await client.query('BEGIN');
  try {
    for (const statement of addEventTime(table)) await client.query(statement);
    await client.query('COMMIT');
    return true;
  } catch (error) {
    if (!isNotAllowed(error)) throw error;
    await client.query('ROLLBACK');
    return false;
  }
}
