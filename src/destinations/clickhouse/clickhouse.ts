import { createHash, randomUUID } from 'node:crypto';
import type { ClickHouseClient } from '@clickhouse/client';
import { StartError } from '../../errors.ts';
import { createClickhouseConnection } from './connection.ts';
import { faultOf, isRefusedChange, isTableGone } from './fault.ts';
import { rowColumns, rowOf, rowText, type ClickhouseRow } from './row.ts';
import { addEventTime, createTable, describeTable, quoteName, selectWindow } from './table.ts';
import { closeWhenIdle } from '../close-when-idle.ts';
import {
  delivered,
  type Delivery,
  type Destination,
  type DestinationSettings,
  type EventAtDestination,
  type Outcome,
  type TimeWindow,
} from '../destination.ts';

/** ClickHouse wants few large inserts. A worker holds about two thousand events. */
const batchEventsMax = 2_000;

const stopped = new Error('the delivery was stopped');

interface Row {
  readonly index: number;
  readonly row: ClickhouseRow;
}

/**
 * One row per event in a table of ClickHouse.
 *
 * A batch is one insert, in the order of the log, with a token made of its events: the server drops
 * the same batch the second time. Events that are batched differently have another token. Then the
 * table, a ReplacingMergeTree, keeps one row of each event: SELECT ... FINAL counts it once.
 */
export function createClickhouseDestination(
  name: string,
  settings: DestinationSettings,
): Destination {
  const table = readTable(name, settings);
  const connection = createClickhouseConnection(name, settings);
  const { client } = connection;
  const timeoutMs = Number(settings['timeout']);
  let ready = false;
  let hasEventTime = true;

  const prepare = async (abort_signal: AbortSignal, query_id: string): Promise<void> => {
    if (ready) return;
    const options = { abort_signal, query_id };
    // If the table exists, asking for it needs fewer rights than CREATE TABLE IF NOT EXISTS.
    if (!(await isThere(client, table, options))) {
      await client.command({ query: createTable(table), ...options });
    }
    hasEventTime = await makeEventTime(client, table, options);
    ready = true;
  };

  const write = async (rows: readonly Row[], signal: AbortSignal): Promise<Outcome[]> => {
    if (rows.length === 0) return [];
    const queryId = randomUUID();
    // The client's own timeout covers only a silent connection, not the whole call.
    const late = AbortSignal.timeout(timeoutMs);
    const whole = AbortSignal.any([signal, late]);
    try {
      whole.throwIfAborted();
      await prepare(whole, queryId);
      await client.insert({
        table,
        values: rows.map(({ row }) => rowText(row, hasEventTime)),
        columns: hasEventTime ? [...rowColumns, 'event_time'] : [...rowColumns],
        format: 'JSONCompactEachRow',
        query_id: queryId,
        abort_signal: whole,
        clickhouse_settings: { ...insertSettings, insert_deduplication_token: tokenOf(rows) },
      });
      return rows.map(() => delivered);
    } catch (error) {
      if (isTableGone(error)) ready = false;
      const head = connection.takeHead(queryId);
      const reason = late.aborted ? new Error(`none within ${timeoutMs} ms`) : error;
      const { ofEvent, outcome } = faultOf(signal.aborted ? stopped : reason, head);
      if (!ofEvent || rows.length === 1) return rows.map(() => outcome);
    }
    const middle = rows.length >> 1;
    const first = await write(rows.slice(0, middle), signal);
    return [...first, ...(await write(rows.slice(middle), signal))];
  };

  const deliver = async (batch: readonly Delivery[], signal: AbortSignal): Promise<Outcome[]> => {
    const outcomes: Outcome[] = [];
    const rows: Row[] = [];
    for (const [index, delivery] of batch.entries()) {
      const row = rowOf(delivery);
      if (typeof row === 'string') outcomes[index] = { kind: 'dead', reason: row };
      else rows.push({ index, row });
    }
    rows.sort((a, b) => a.row.sequence - b.row.sequence);
    const written = await write(rows, signal);
    for (const [at, { index }] of rows.entries()) outcomes[index] = written[at]!;
    return outcomes;
  };

  return {
    batchEventsMax,
    concurrency: Number(settings['concurrency']),
    ...closeWhenIdle(deliver, connection.close),
    stored: (window) => readWindow(connection.client, table, window),
  };
}

const insertSettings = {
  // Each insert is answered when it is written, and by itself: its token is its own.
  async_insert: 0,
  insert_deduplicate: 1,
  date_time_input_format: 'best_effort',
} as const;

/**
 * ClickHouse drops an insert whose token it knows, without reading it. So the token depends on
 * every event and its sequence. A replay has new sequences: it can restore rows that somebody
 * deleted.
 */
function tokenOf(rows: readonly Row[]): string {
  const hash = createHash('sha256');
  hash.update(rows.map(({ row }) => `${row.eventId} ${row.sequence}\n`).join(''));
  return hash.digest('hex');
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
