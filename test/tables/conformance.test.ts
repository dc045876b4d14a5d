import { DatabaseSync } from 'node:sqlite';

import { afterAll, beforeAll, describe } from 'vitest';

import type { DestinationType } from '../../src/destinations/destination.ts';
import { postgresType } from '../../src/destinations/postgres/type.ts';
import { sqliteType } from '../../src/destinations/sqlite/type.ts';
import { describeDestination, type FarSide } from '../destinations/conformance.ts';
import { askPostgres, startPostgresFarSide } from '../destinations/postgres-far-side.ts';
import {
  startPostgres,
  whyNoPostgres,
  type PostgresServer,
} from '../destinations/postgres-server.ts';
import { startSqliteFarSide } from '../destinations/sqlite-far-side.ts';

const missing = whyNoPostgres();
let postgres: PostgresServer;
beforeAll(async () => {
  if (missing === undefined) postgres = await startPostgres();
});
afterAll(() => postgres?.close());

/** The contract of the events of the suite. */
const schema = {
  type: 'object',
  properties: { order_id: { type: 'string' }, total: { type: 'number' } },
};
const context = { contracts: () => contracts };
const contracts = [{ name: 'order_completed', schemas: [schema, schema] }];
const counted = 'SELECT event_id FROM order_completed';

function withContracts(type: DestinationType): DestinationType {
  return { ...type, create: (name, settings) => type.create(name, settings, context) };
}

async function startSqlite(): Promise<FarSide> {
  const farSide = await startSqliteFarSide();
  const path = String(farSide.settings['path']);
  return {
    ...farSide,
    settings: { ...farSide.settings, tables: 'per_event' },
    counted() {
      const reader = new DatabaseSync(path, { readOnly: true });
      try {
        const found = reader.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'order_completed'");
        if (found.get() === undefined) return [];
        return reader
          .prepare(counted)
          .all()
          .map((row) => String(row['event_id']));
      } finally {
        reader.close();
      }
    },
  };
}

let schemas = 0;

async function startTyped(): Promise<FarSide> {
  const farSide = await startPostgresFarSide(postgres);
  schemas += 1;
  const own = `far_side_${schemas}`;
  await askPostgres(postgres, `CREATE SCHEMA ${own}`);
  return {
    ...farSide,
    settings: { ...farSide.settings, table: `${own}.events`, tables: 'per_event' },
    async counted() {
      const there = `SELECT to_regclass('${own}.order_completed') IS NOT NULL AS there`;
      const [found] = await askPostgres<{ there: boolean }>(postgres, there);
      if (found?.there !== true) return [];
      const query = counted.replace('FROM ', `FROM ${own}.`);
      const rows = await askPostgres<{ event_id: string }>(postgres, query);
      return rows.map((row) => row.event_id);
    },
  };
}

describe('tables: per_event', () => {
  describeDestination(withContracts(sqliteType), startSqlite);
});

describe.skipIf(missing !== undefined)('tables: per_event', () => {
  describeDestination(withContracts(postgresType), startTyped, ['partial_failure']);
});
