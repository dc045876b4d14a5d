import type { PoolClient } from 'pg';
import type { PostgresConnections } from './connections.ts';
import { isNotAllowed } from './fault.ts';
import {
  addEventTime,
  createTable,
  findEventTime,
  findTable,
  insertEvents,
  lockCreation,
} from './table.ts';

/** The table of all events. */
export interface EventsTable {
  /** Makes the table. Returns the statement that inserts into it, as it is. */
  prepare(signal: AbortSignal): Promise<string>;
  /** The table is gone: make it again. */
  forget(): void;
}

/** @param table quoted. */
export function createEventsTable(connections: PostgresConnections, table: string): EventsTable {
  let ready: Promise<string> | undefined;
  return {
    prepare(signal) {
      ready ??= makeTable(connections, table, signal).then(
        (hasEventTime) => insertEvents(table, hasEventTime),
        (error: unknown) => {
          ready = undefined;
          throw error;
        },
      );
      return ready;
    },
    forget: () => void (ready = undefined),
  };
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
