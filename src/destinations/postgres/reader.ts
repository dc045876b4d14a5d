import { Client, type ClientConfig } from 'pg';
import type { EventAtDestination, TimeWindow } from '../destination.ts';
import { declareWindow, fetchPage, findTable } from './table.ts';

/** A large table is read for minutes where somebody took its index by time away. */
const pageTimeoutMs = 10 * 60 * 1000;

/**
 * The rows of a window of time from a cursor: one snapshot, and a page of it in memory. Over a
 * connection of its own, so that no delivery waits for the end of it. No table is no event.
 */
export async function* readPostgresWindow(
  config: ClientConfig,
  table: string,
  { fromMs, toMs }: TimeWindow,
): AsyncGenerator<EventAtDestination> {
  const client = new Client({
    ...config,
    statement_timeout: pageTimeoutMs,
    query_timeout: pageTimeoutMs,
  });
  // What breaks fails the query that is under way.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('BEGIN READ ONLY');
    const { rows: found } = await client.query<{ there: boolean }>(findTable, [table]);
    if (found[0]?.there !== true) return;
    await client.query(declareWindow(table, new Date(fromMs), new Date(toMs)));
    for (;;) {
      const { rows } = await client.query<EventAtDestination>(fetchPage);
      if (rows.length === 0) return;
      yield* rows;
    }
  } finally {
    await client.end();
  }
}
