import { Client, type ClientConfig } from 'pg';
import type { EventAtDestination, TimeWindow } from '../destination.ts';
import { declareWindow, fetchPage, findTable } from './table.ts';
import { findEventTables } from './table-register.ts';
import type { SchemaPrefix } from './typed-statements.ts';

/** Reading a large table takes minutes if somebody dropped its index by time. */
const pageTimeoutMs = 10 * 60 * 1000;

/**
 * Reads the rows of a time window from a cursor: one snapshot, with one page in memory. It has its
 * own connection, so that no delivery waits for it. Without a table the window has no events.
 */
export async function* readPostgresWindow(
  config: ClientConfig,
  table: string,
  { fromMs, toMs }: TimeWindow,
): AsyncGenerator<EventAtDestination> {
  yield* readPages(
    config,
    async (client) => {
      const { rows: found } = await client.query<{ there: boolean }>(findTable, [table]);
      return found[0]?.there === true ? [table] : [];
    },
    { fromMs, toMs },
  );
}

/** The same of the tables of events. */
export async function* readPostgresTables(
  config: ClientConfig,
  { schema, prefix }: { readonly schema: SchemaPrefix; readonly prefix: string },
  window: TimeWindow,
): AsyncGenerator<EventAtDestination> {
  yield* readPages(config, (client) => findEventTables(client, schema, prefix), window);
}

async function* readPages(
  config: ClientConfig,
  findTables: (client: Client) => Promise<readonly string[]>,
  { fromMs, toMs }: TimeWindow,
): AsyncGenerator<EventAtDestination> {
  const client = new Client({
    ...config,
    statement_timeout: pageTimeoutMs,
    query_timeout: pageTimeoutMs,
  });
  // A connection that breaks fails the query in progress.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('BEGIN READ ONLY');
    const tables = await findTables(client);
    if (tables.length === 0) return;
    await client.query(declareWindow(tables, new Date(fromMs), new Date(toMs)));
    for (;;) {
      const { rows } = await client.query<EventAtDestination>(fetchPage);
      if (rows.length === 0) return;
      yield* rows;
    }
  } finally {
    await client.end();
  }
}
