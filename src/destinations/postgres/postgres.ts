import { readFileSync } from 'node:fs';
import type { PoolClient, PoolConfig } from 'pg';
import { StartError } from '../../errors.ts';
import { closeWhenIdle } from '../close-when-idle.ts';
import {
  delivered,
  type Delivery,
  type Destination,
  type DestinationSettings,
  type Outcome,
} from '../destination.ts';
import { createPostgresConnections, type PostgresConnections } from './connections.ts';
import { olderEventTime } from '../older-event-time.ts';
import { faultOf, isNotAllowed, isTableGone } from './fault.ts';
import { readPostgresWindow } from './reader.ts';
import {
  addEventTime,
  createTable,
  findEventTime,
  findTable,
  insertEvents,
  lockCreation,
  quoteTable,
} from './table.ts';

/** Events per commit: 500 gain most of what batching can gain, and hold little in memory. */
const batchEventsMax = 500;

/**
 * The limit of one statement. A larger batch is split into several; a single event may be larger.
 */
const statementBytesMax = 8 * 1024 * 1024;

/**
 * One row per event in a table of PostgreSQL.
 *
 * A batch is one statement, committed before it is reported delivered. Counted once: a second copy
 * of an event meets the primary key, `event_id`, and changes nothing. An event that PostgreSQL
 * refuses is found by halving its batch; the others arrive.
 *
 * Opening needs no server: one that is down when Headgate starts is an outage like any other.
 */
export function createPostgresDestination(
  name: string,
  settings: DestinationSettings,
): Destination {
  const table = readTable(name, settings);
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

  const write = async (batch: readonly Delivery[], signal: AbortSignal): Promise<Outcome[]> => {
    const payloads = batch.map(({ payload }) => decoder.decode(payload));
    const sequences = batch.map(({ sequence }) => sequence);
    const values = [payloads, sequences, payloads.map(olderEventTime)];
    try {
      const insert = await prepare(signal);
      await connections.use(signal, (client) => client.query(insert, values));
      return batch.map(() => delivered);
    } catch (error) {
      if (isTableGone(error)) ready = undefined;
      const { ofEvent, outcome } = faultOf(error);
      if (!ofEvent || batch.length === 1) return batch.map(() => outcome);
    }
    const middle = batch.length >> 1;
    const first = await write(batch.slice(0, middle), signal);
    return [...first, ...(await write(batch.slice(middle), signal))];
  };

  const deliver = async (batch: readonly Delivery[], signal: AbortSignal): Promise<Outcome[]> => {
    const outcomes: Outcome[] = [];
    for (const part of partsOf(batch)) outcomes.push(...(await write(part, signal)));
    return outcomes;
  };

  return {
    batchEventsMax,
    concurrency: Number(settings['concurrency']),
    ...closeWhenIdle(deliver, connections.close),
    stored: (window) => readPostgresWindow(connection, table, window),
  };
}

const decoder = new TextDecoder();

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

function fail(name: string, setting: string, text: string): never {
  throw new StartError(`destinations.${name}.${setting}: ${text}`);
}

function readTable(name: string, settings: DestinationSettings): string {
  const table = quoteTable(String(settings['table']));
  return table ?? fail(name, 'table', 'use a-z, 0-9 and _, as in events or analytics.events');
}

function readConnection(name: string, settings: DestinationSettings): PoolConfig {
  // The URL itself is not shown, because it may have a password.
  const text = String(settings['url']);
  const url = URL.canParse(text) ? new URL(text) : fail(name, 'url', 'it is not a URL');
  if (!['postgres:', 'postgresql:'].includes(url.protocol)) {
    fail(name, 'url', 'begin with postgres://');
  }
  if (url.search !== '') {
    fail(name, 'url', 'take out what follows the ?; TLS is set by tls and tls_ca');
  }
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      return fail(name, 'url', 'a % in it is not followed by the code of a character; write %25');
    }
  };
  const database = decode(url.pathname.slice(1));
  if (url.username === '') fail(name, 'url', 'name a user: postgres://user@host:5432/database');
  if (database === '') fail(name, 'url', 'name a database: postgres://user@host:5432/database');
  const password = settings['password'] ?? decode(url.password);
  const timeoutMs = Number(settings['timeout']);
  return {
    // An IPv6 literal has brackets in a URL, but not in a connection's settings.
    host: url.hostname.replaceAll(/[[\]]/g, ''),
    port: Number(url.port || 5432),
    user: decode(url.username),
    ...(password === '' ? {} : { password: String(password) }),
    database,
    ssl: readTls(name, settings),
    max: Number(settings['concurrency']),
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: timeoutMs,
    // The server's own limit applies first. This one is for a server that no longer answers.
    query_timeout: timeoutMs + 1000,
    application_name: `headgate ${name}`,
  };
}

function readTls(name: string, settings: DestinationSettings): PoolConfig['ssl'] {
  if (settings['tls'] !== true) return false;
  const path = settings['tls_ca'];
  if (typeof path !== 'string') return { rejectUnauthorized: true };
  try {
    return { rejectUnauthorized: true, ca: readFileSync(path, 'utf8') };
  } catch (error) {
    return fail(name, 'tls_ca', `cannot read it: ${(error as NodeJS.ErrnoException).code}`);
  }
}
