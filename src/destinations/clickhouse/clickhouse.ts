import type { ClickHouseClient } from '@clickhouse/client';
import { StartError } from '../../errors.ts';
import { createClickhouseConnection } from './connection.ts';
import { isRefusedChange } from './fault.ts';
import { bySequence, createInserts, type InsertTarget } from './inserts.ts';
import { eventTimeColumn, rowColumns, writeEventRow } from './rows/event-row.ts';
import { binaryLayout, hasColumns, textLayout, type RowLayout } from './rows/row-layout.ts';
import { addEventTime, createTable, quoteName, selectWindow } from './table.ts';
import { readTypes } from './table-types.ts';
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
/** Each insert is a part on the server's disk, which it has to merge. */
const fullCallWaitMs = 100;

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
    const layout = events.layout();
    const writer = layout.rows();
    const { rows, outcomes } = await readInTurns(batch, (delivery, index) => {
      const fault = writeEventRow(writer, delivery, hasEventTime(layout));
      return fault ?? { ...writer.finish(), layout, delivery, index };
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
    fullCallWaitMs,
    heldEventsMax,
    concurrency: Number(settings['concurrency']),
    ...closeWhenIdle(deliver, connection.close),
    async *stored(window) {
      const names = tables.mode === 'per_event' ? await typed.tables() : [table];
      for (const each of names) yield* readWindow(client, each, window);
    },
  };
}

const layouts = {
  binary: binaryLayout([...rowColumns, eventTimeColumn]),
  text: textLayout([...rowColumns, eventTimeColumn]),
  /** A table of an earlier version that cannot be changed. */
  withoutEventTime: textLayout(rowColumns),
} as const;

function hasEventTime(layout: RowLayout): boolean {
  return layout !== layouts.withoutEventTime;
}

/** The table of all events. */
function createEventsTarget(client: ClickHouseClient, table: string): InsertTarget {
  let isReady = false;
  let layout: RowLayout = layouts.binary;
  return {
    table,
    async prepare(options) {
      if (isReady) return;
      // If the table exists, asking for it needs fewer rights than CREATE TABLE IF NOT EXISTS.
      if (!(await isThere(client, table, options))) {
        await client.command({ query: createTable(table), ...options });
      }
      layout = await findLayout(client, table, options);
      isReady = true;
    },
    forget: () => void (isReady = false),
    layout: () => layout,
    rewrite(rows) {
      const writer = layout.rows();
      return rows.map((row) => {
        writeEventRow(writer, row.delivery, hasEventTime(layout));
        return { ...row, ...writer.finish(), layout };
      });
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
 * How rows of the table are written. It gets a column for the time of an event. If this user may not change it, or
 * it is no MergeTree, it stays as it is, and is filled as before.
 */
async function findLayout(
  client: ClickHouseClient,
  table: string,
  options: { readonly abort_signal: AbortSignal; readonly query_id: string },
): Promise<RowLayout> {
  const types = await readTypes(client, table, options);
  const [eventTime, eventTimeType] = eventTimeColumn;
  if (!types.has(eventTime)) {
    try {
      await client.command({ query: addEventTime(table), ...options });
    } catch (error) {
      if (isRefusedChange(error)) return layouts.withoutEventTime;
      throw error;
    }
    types.set(eventTime, eventTimeType);
  }
  return hasColumns(types, layouts.binary.columns) ? layouts.binary : layouts.text;
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
