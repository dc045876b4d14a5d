import type { ClickHouseClient } from '@clickhouse/client';
import { StartError } from '../../errors.ts';
import { createClickhouseConnection } from './connection.ts';
import { isRefusedChange } from './fault.ts';
import { bySequence, createInserts, rowsPerPiece, type InsertTarget } from './inserts.ts';
import { rowColumns, rowOf, rowText, type ClickhouseRow } from './row.ts';
import { addEventTime, createTable, describeTable, quoteName, selectWindow } from './table.ts';
import { createTypedDelivery } from './typed-delivery.ts';
import { closeWhenIdle } from '../close-when-idle.ts';
import type {
  Delivery,
  Destination,
  DestinationContext,
  DestinationSettings,
  EventAtDestination,
  Outcome,
  TimeWindow,
} from '../destination.ts';
import { readInTurns } from '../read-in-turns.ts';
import { tablesOf } from '../tables/table-mode.ts';

/**
 * ClickHouse wants few large inserts: with 10,000 rows in each it needs two thirds of the CPU that it needs with
 * 2,000. While two inserts run, as many events wait for the next one.
 */
const batchEventsMax = 10_000;
const heldEventsMax = 2 * batchEventsMax;

/**
 * One row per event in a table of ClickHouse, in the table of its own, or in both.
 *
 * A batch is one insert for each table, in the order of the log, with a token made of its events: the server
 * drops the same batch the second time. Events that are batched differently have another token. Then the
 * table, a ReplacingMergeTree, keeps one row of each event: SELECT ... FINAL counts it once.
 */
export function createClickhouseDestination(
  name: string,
  settings: DestinationSettings,
  context?: DestinationContext,
): Destination {
  const table = readTable(name, settings);
  const tables = tablesOf(name, settings);
  const connection = createClickhouseConnection(name, settings);
  const { client } = connection;
  const inserts = createInserts(connection, Number(settings['timeout']));
  const events = createEventsTarget(client, table);
  const typed = createTypedDelivery(client, inserts, tables.prefix, context);

  const deliverEvents = async (
    batch: readonly Delivery[],
    signal: AbortSignal,
  ): Promise<Outcome[]> => {
    const { rows, outcomes } = await readInTurns(batch, (delivery, index) => {
      const row = rowOf(delivery);
      return typeof row === 'string' ? row : { ...row, index };
    });
    rows.sort(bySequence);
    const written = await inserts.write(events, rows, signal);
    for (const [at, { index }] of rows.entries()) outcomes[index] = written[at]!;
    return outcomes;
  };

  const deliver = async (batch: readonly Delivery[], signal: AbortSignal): Promise<Outcome[]> => {
    if (tables.mode === 'per_event') return typed.deliver(batch, signal);
    const outcomes = await deliverEvents(batch, signal);
    if (tables.mode === 'events') return outcomes;
    const at = [...outcomes.keys()].filter((index) => outcomes[index]?.kind === 'delivered');
    const second = await typed.deliver(
      at.map((index) => batch[index]!),
      signal,
    );
    for (const [of, index] of at.entries()) outcomes[index] = second[of]!;
    return outcomes;
  };

  return {
    batchEventsMax,
    heldEventsMax,
    concurrency: Number(settings['concurrency']),
    ...closeWhenIdle(deliver, connection.close),
    async *stored(window) {
      const names = tables.mode === 'per_event' ? await typed.tables() : [table];
      for (const each of names) yield* readWindow(client, each, window);
    },
  };
}

/** The table of all events. */
function createEventsTarget(client: ClickHouseClient, table: string): InsertTarget<ClickhouseRow> {
  let isReady = false;
  let hasEventTime = true;
  return {
    table,
    async prepare(options) {
      if (isReady) return;
      // If the table exists, asking for it needs fewer rights than CREATE TABLE IF NOT EXISTS.
      if (!(await isThere(client, table, options))) {
        await client.command({ query: createTable(table), ...options });
      }
      hasEventTime = await makeEventTime(client, table, options);
      isReady = true;
    },
    forget: () => void (isReady = false),
    columns: () => (hasEventTime ? [...rowColumns, 'event_time'] : rowColumns),
    *textOf(rows) {
      for (let at = 0; at < rows.length; at += rowsPerPiece) {
        const piece = rows.slice(at, at + rowsPerPiece);
        yield Buffer.from(piece.map((row) => rowText(row, hasEventTime)).join(''));
      }
    },
  };
}

async function isThere(
  client: ClickHouseClient,
  table: string,
  options: { readonly abort_signal?: AbortSignal; readonly query_id?: string } = {},
): Promise<boolean> {
  const query = `EXISTS TABLE ${table}`;
  const answer = await client.query({ query, format: 'JSONEachRow', ...options });
  const [found] = await answer.json<{ result: number }>();
  return found?.result === 1;
}

/**
 * Whether the table has a column for the time of an event. A table that this user may not change, or that
 * is no MergeTree, stays as it is, and is filled as before.
 */
async function makeEventTime(
  client: ClickHouseClient,
  table: string,
  options: { readonly abort_signal: AbortSignal; readonly query_id: string },
): Promise<boolean> {
  const answer = await client.query({
    query: describeTable(table),
    format: 'JSONEachRow',
    ...options,
  });
  const columns = await answer.json<{ name: string }>();
  if (columns.some(({ name }) => name === 'event_time')) return true;
  try {
    await client.command({ query: addEventTime(table), ...options });
    return true;
  } catch (error) {
    if (isRefusedChange(error)) return false;
    throw error;
  }
}

/** No table is no event. */
async function* readWindow(
  client: ClickHouseClient,
  table: string,
  { fromMs, toMs }: TimeWindow,
): AsyncGenerator<EventAtDestination> {
  if (!(await isThere(client, table))) return;
  const query = selectWindow(table, new Date(fromMs), new Date(toMs));
  const stop = new AbortController();
  const answer = await client.query({ query, format: 'JSONEachRow', abort_signal: stop.signal });
  try {
    type Found = { eventId: string; eventName: string; ms: string | number };
    for await (const rows of answer.stream<Found>()) {
      for (const row of rows) {
        const { eventId, eventName, ms } = row.json();
        yield { eventId, eventName, timestamp: new Date(Number(ms)).toISOString() };
      }
    }
  } finally {
    stop.abort();
  }
}

function readTable(name: string, settings: DestinationSettings): string {
  const table = quoteName(String(settings['table']));
  if (table !== undefined) return table;
  throw new StartError(`destinations.${name}.table: use letters, digits and _, as in events`);
}
