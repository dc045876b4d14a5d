import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';

import { createPostgresDestination } from '../../../src/destinations/postgres/postgres.ts';
import { previewPostgresTables } from '../../../src/destinations/postgres/preview-tables.ts';
import { previewSqliteTables } from '../../../src/destinations/sqlite/preview-tables.ts';
import { createSqliteDestination } from '../../../src/destinations/sqlite/sqlite.ts';
import { deliveryOfEvent, never } from '../../destinations/deliveries.ts';
import { postgresSettings } from '../../destinations/postgres-far-side.ts';
import { startPostgres, whyNoPostgres } from '../../destinations/postgres-server.ts';

/* `headgate tables plan` names a table that takes no row as it is. */

const contracts = [
  { name: 'thing_seen', schemas: [{ type: 'object', properties: { n: { type: 'integer' } } }] },
];
const delivery = () =>
  deliveryOfEvent({ eventName: 'thing_seen', schemaVersion: 1, properties: { n: 1 } });

test('SQLite: a column that must have a value', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-preview-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const settings = { path: path.join(folder, 'w.db'), busy_timeout: 5000, tables: 'per_event' };
  const open = () => createSqliteDestination('w', settings, { contracts: () => contracts });
  const first = await open();
  expect(await first.deliver([delivery()], never)).toEqual([{ kind: 'delivered' }]);
  await first.close();
  const faults = async () => {
    const { tables } = (await previewSqliteTables('w', settings, contracts))!;
    return tables.flatMap(({ fault }) => fault ?? []);
  };
  expect(await faults()).toEqual([]);
  const database = new DatabaseSync(settings.path);
  const row = database.prepare("SELECT sql FROM sqlite_schema WHERE name = 'thing_seen'").get();
  database.exec('DROP TABLE thing_seen');
  database.exec(String(row!['sql']).replace('"n" INTEGER', '"n" INTEGER, Noted TEXT NOT NULL'));
  database.close();
  const needed = /^table "thing_seen": its column noted must have a value/;
  expect(await faults()).toEqual([expect.stringMatching(needed)]);
  const second = await open();
  const waits = { kind: 'retry', fault: 'destination', reason: expect.stringMatching(needed) };
  expect(await second.deliver([delivery()], never)).toEqual([waits]);
  await second.close();
});

test('PostgreSQL: a column that must have a value, and a right that is missing', async ({
  skip,
}) => {
  const missing = whyNoPostgres();
  if (missing !== undefined) skip(missing);
  const server = await startPostgres();
  onTestFinished(() => server.close());
  const { user, password, port } = server;
  const admin = new Client({ host: '127.0.0.1', port, user, password, database: 'postgres' });
  onTestFinished(() => admin.end());
  await admin.connect();
  await admin.query("CREATE ROLE planner LOGIN PASSWORD 'of-planner'");
  await admin.query('CREATE SCHEMA planned AUTHORIZATION planner');
  const settings = {
    ...postgresSettings(server, { tables: 'per_event', timeout: 10_000, table: 'planned.events' }),
    url: server.url.replace(/\/\/[^@]*@/, '//planner@'),
    password: 'of-planner',
  };
  const destination = createPostgresDestination('w', settings, { contracts: () => contracts });
  expect(await destination.deliver([delivery()], never)).toEqual([{ kind: 'delivered' }]);
  await destination.close();
  const faults = async () => {
    const { tables, unread } = (await previewPostgresTables('w', settings, contracts))!;
    expect(unread).toBeUndefined();
    return tables.flatMap(({ fault }) => fault ?? []);
  };
  const change = (sql: string) => admin.query(`ALTER TABLE planned.thing_seen ${sql}`);
  expect(await faults()).toEqual([]);
  await change("ADD COLUMN noted text NOT NULL DEFAULT 'x'");
  await change('ADD COLUMN counted int GENERATED ALWAYS AS IDENTITY');
  expect(await faults()).toEqual([]);
  await change('ALTER COLUMN noted DROP DEFAULT');
  expect(await faults()).toEqual([expect.stringContaining('its column noted must have a value')]);
  await change('ALTER COLUMN noted DROP NOT NULL');
  await change('OWNER TO CURRENT_USER');
  expect(await faults()).toEqual([expect.stringContaining('this user may not INSERT there')]);
  await admin.query('GRANT SELECT, INSERT ON planned.thing_seen TO planner');
  expect(await faults()).toEqual([]);
});
