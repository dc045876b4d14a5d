import { Client, type QueryResultRow } from 'pg';
import type { DestinationSettings } from '../../src/destinations/destination.ts';
import type { FarSide } from './conformance.ts';
import type { PostgresServer } from './postgres-server.ts';
import { startRelay } from './relay.ts';

export function postgresSettings(
  server: PostgresServer,
  more: DestinationSettings = {},
): DestinationSettings {
  return {
    url: server.url,
    password: server.password,
    table: 'events',
    tls: false,
    tls_ca: null,
    timeout: 2000,
    concurrency: 2,
    ...more,
  };
}

/** Asks over a connection that is not the destination's. */
export async function askPostgres<Row extends QueryResultRow>(
  server: PostgresServer,
  sql: string,
): Promise<Row[]> {
  const { user, password, port } = server;
  const options = { host: '127.0.0.1', port, user, password, database: 'postgres' };
  const client = new Client(options);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

let tables = 0;

/** A table of its own on a server that several share, and a network between that can fail. */
export async function startPostgresFarSide(server: PostgresServer): Promise<FarSide> {
  const relay = await startRelay(server.port);
  tables += 1;
  const table = `events_${tables}`;
  const url = server.url.replace(`:${server.port}/`, `:${relay.port}/`);
  return {
    settings: postgresSettings(server, { url, table }),
    async counted() {
      const query = `SELECT to_regclass('${table}') IS NOT NULL AS there`;
      const [found] = await askPostgres<{ there: boolean }>(server, query);
      if (found?.there !== true) return [];
      const rows = await askPostgres<{ event_id: string }>(server, `SELECT event_id FROM ${table}`);
      return rows.map((row) => row.event_id);
    },
    goDown: () => relay.close(),
    comeUp: () => relay.listen(),
    stall: () => relay.freeze(),
    unstall: () => relay.thaw(),
    oversize: { propertyBytes: 8 * 1024 * 1024, outcome: { kind: 'delivered' } },
    refused: {
      overrides: { properties: { text: 'a\u0000b' } },
      outcome: { kind: 'dead', status: '22P05' },
    },
    close: () => relay.close(),
  };
}
