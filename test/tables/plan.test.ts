import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { expect, onTestFinished, test } from 'vitest';

import { createParquetDestination } from '../../src/destinations/parquet/parquet.ts';
import { previewParquetTables } from '../../src/destinations/parquet/preview-tables.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { createSqliteDestination } from '../../src/destinations/sqlite/sqlite.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import { eventContractsOf } from '../../src/validation/schema/event-contracts.ts';
import { loadRegistry } from '../../src/validation/schema-registry.ts';
import { runCli } from '../cli/run-cli.ts';
import { deliveryOfEvent, never } from '../destinations/deliveries.ts';
import { parquetSettings } from '../destinations/parquet-far-side.ts';

test('the statements are printed before, and then only what is missing', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-plan-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [file, schemas, config] = ['w.db', 'schemas', 'headgate.yaml'].map((name) =>
    path.join(folder, name),
  ) as [string, string, string];
  cpSync('schemas', schemas, { recursive: true });
  writeFileSync(
    config,
    `destinations:
  warehouse: { type: sqlite, path: ${file}, tables: per_event, events: ["order_*", "new_*"] }
  pg: { type: postgres, url: "postgres://u@127.0.0.1:1/d", tls: false, tables: both }
  other: { type: sqlite, path: ${file} }
  lake: { type: parquet, path: ${folder}/lake, tables: both }
  olap: { type: clickhouse, url: "http://127.0.0.1:1", tables: both, table_prefix: hg_ }
`,
  );
  const plan = (...args: string[]): ReturnType<typeof runCli> =>
    runCli(['tables', 'plan', '--config', config, '--schemas', schemas, ...args], {});

  const offline = await plan();
  expect(offline.stderr).toBe('');
  expect(offline.code).toBe(0);
  expect(offline.stdout).toContain(`there is no file ${file} yet`);
  expect(offline.stdout).toContain('no answer from PostgreSQL: ECONNREFUSED');
  expect(offline.stdout).toContain('-- invoice_paid');
  expect(offline.stdout).not.toContain('-- other');
  expect(offline.stdout).toContain('no answer from ClickHouse: ECONNREFUSED');
  expect(offline.stdout).toContain('CREATE TABLE IF NOT EXISTS `hg_order_completed` (');
  const sqlite = offline.stdout.split('-- pg\n')[0]!;
  expect(sqlite).not.toContain('invoice_paid');

  // The statements are SQL, and they are what a worker runs.
  const empty = new DatabaseSync(':memory:');
  empty.exec(sqlite);
  const printed = empty.prepare('SELECT sql FROM sqlite_schema WHERE name = ?');
  const contracts = eventContractsOf(await loadRegistry(schemas));
  await deliverOne(file, contracts);
  const made = new DatabaseSync(file, { readOnly: true });
  const found = made.prepare('SELECT sql FROM sqlite_schema WHERE name = ?');
  expect(printed.get('order_completed')).toEqual(found.get('order_completed'));
  made.close();

  const rest = (await plan('--destination', 'warehouse')).stdout;
  expect(rest).not.toContain('CREATE TABLE "order_completed"');
  expect(rest).toContain('CREATE TABLE "unplanned_events"');

  const none = await plan('--destination', 'other');
  expect(none.code).toBe(1);
  expect(none.stderr).toContain('set tables: per_event, or both');

  // An analyst's shell has the secrets of no destination but this one.
  const shared = path.join(folder, 'shared.yaml');
  writeFileSync(
    shared,
    `admin: { token: "\${NO_TOKEN}" }
destinations:
  warehouse: { type: sqlite, path: ${file}, tables: per_event }
  crm: { type: webhook, url: "https://crm.example", secret: "\${NO_SECRET}" }
  pg: { type: postgres, url: "\${NO_URL}", tables: per_event }
`,
  );
  const alone = await plan('--config', shared, '--destination', 'warehouse');
  expect([alone.code, alone.stderr]).toEqual([0, '']);
  expect(alone.stdout).toContain('CREATE TABLE "unplanned_events"');
  const all = await plan('--config', shared);
  expect([all.code, all.stdout]).toEqual([1, '']);
  expect(all.stderr).toContain('1 fault:\n  ');
  expect(all.stderr).toContain('destinations.pg.url: asks for ${NO_URL}');
  expect((await plan('--config', shared, '--destination', 'nix')).stderr).toContain(
    'nix is not a destination of the configuration: warehouse, crm, pg.',
  );

  // A new version, and a table that somebody has altered.
  const newest = JSON.stringify({
    type: 'object',
    properties: { gift: { type: 'boolean' }, 'Gift/Card': { type: 'string' } },
  });
  writeFileSync(path.join(schemas, 'order_completed', '3.json'), newest);
  const changed = (await plan('--destination', 'warehouse')).stdout;
  expect(changed).toContain('ALTER TABLE "order_completed" ADD COLUMN "gift" INTEGER;');
  expect(changed).toContain('-- order_completed\n-- gift_card has /Gift~1Card\nALTER TABLE');
  const altered = new DatabaseSync(file);
  altered.exec('ALTER TABLE order_completed ADD COLUMN gift TEXT');
  altered.close();
  const refused = await plan('--destination', 'warehouse');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('its column gift is TEXT, and its contract makes it INTEGER');
});

test('of Parquet, the folders and columns are shown, and then only what is new', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-plan-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const versions = [
    { n: { type: 'integer' } },
    { n: { type: 'string' }, gift: { type: 'boolean' } },
  ];
  const schemas = versions.map((properties) => ({ type: 'object', properties }));
  const settings = parquetSettings(folder, { tables: 'per_event' });
  const planned = async (known: number): Promise<string[]> => {
    const contract = { name: 'order_completed', schemas: schemas.slice(0, known) };
    const preview = await previewParquetTables('lake', settings, [contract]);
    const [table] = preview!.tables.filter(({ event }) => event !== undefined);
    return table!.statements.flatMap((statement) => statement.split('\n'));
  };
  const first = await planned(1);
  expect(readdirSync(folder)).toEqual([]);
  expect(first[0]).toBe(`-- "${folder}/order_completed": a new folder, with the columns`);
  expect(first).toEqual(expect.arrayContaining(['--   event_id UUID', '--   n INT64']));
  const contracts = [{ name: 'order_completed', schemas: schemas.slice(0, 1) }];
  const context = { contracts: () => contracts };
  const destination = await createParquetDestination('lake', settings, context);
  await destination.deliver([deliveryOfEvent({ schemaVersion: 1 })], never);
  await destination.close();
  expect(await planned(1)).toEqual([]);
  expect(await planned(2)).toEqual([
    `-- "${folder}/order_completed": new files have these columns, too`,
    '--   n_v2 TEXT',
    '--   gift BOOLEAN',
  ]);
});

const objects = 'new objects have the columns';

test.each([
  ['s3', `"s3://lake/raw/order_completed/": ${objects}`, ['event_id UUID', 'n INT64']],
  ['gcs', `"gs://lake/raw/order_completed/": ${objects}`, ['event_id UUID', 'n INT64']],
  ['bigquery', '"p.d.order_completed": a table with the columns', ['event_id STRING', 'n INTEGER']],
])('of %s it shows the columns', async (type, place, columns) => {
  const { previewTables } = destinationTypes.find((one) => one.type === type)!;
  const settings = {
    bucket: 'lake',
    prefix: 'raw/',
    project: 'p',
    dataset: 'd',
    tables: 'both',
  };
  const preview = await previewTables!('lake', settings, [
    {
      name: 'order_completed',
      schemas: [{ type: 'object', properties: { n: { type: 'integer' } } }],
    },
  ]);
  const [table] = preview!.tables.filter(({ event }) => event !== undefined);
  const lines = table!.statements.flatMap((statement) => statement.split('\n'));
  expect(lines[0]).toBe(`-- ${place}`);
  expect(lines).toEqual(expect.arrayContaining(columns.map((column) => `--   ${column}`)));
  expect(await previewTables!('lake', { ...settings, tables: 'events' }, [])).toBeUndefined();
});

test('of snowflake it shows the statements that make a table', async () => {
  const { previewTables } = destinationTypes.find((one) => one.type === 'snowflake')!;
  const properties = { n: { type: 'integer' } };
  const contract = { name: 'order_completed', schemas: [{ type: 'object', properties }] };
  const preview = await previewTables!('lake', { tables: 'per_event' }, [contract]);
  const [statement] = preview!.tables.find(({ event }) => event !== undefined)!.statements;
  const lines = statement!.split('\n');
  expect(lines[0]).toBe('CREATE TABLE IF NOT EXISTS "ORDER_COMPLETED" (');
  expect(lines).toEqual(expect.arrayContaining(['  "EVENT_ID" VARCHAR,', '  "N" NUMBER(38,0)']));
  expect(await previewTables!('lake', { tables: 'events' }, [])).toBeUndefined();
});

test('every type of destination with tables shows them', () => {
  const hidden = destinationTypes.filter(
    ({ settings, previewTables }) => 'tables' in settings && previewTables === undefined,
  );
  expect(hidden.map(({ type }) => type)).toEqual([]);
});

test('a prefix that cannot begin a name is said to be the fault', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-plan-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const config = path.join(folder, 'headgate.yaml');
  const settings = `{ type: sqlite, path: ${folder}/w.db, tables: both, table_prefix: Hg_ }`;
  writeFileSync(config, `destinations:\n  warehouse: ${settings}\n`);
  const { code, stderr } = await runCli(['tables', 'plan', '--config', config], {});
  expect(code).toBe(1);
  expect(stderr).toContain('destinations.warehouse.table_prefix: use at most 16');
});

test('names the destinations if none has this name', async () => {
  const unknown = await runCli(['tables', 'plan', '--destination', 'nowhere'], {});
  expect(unknown.stderr).toContain('nowhere is not a destination of the configuration');
});

async function deliverOne(file: string, contracts: readonly EventContract[]): Promise<void> {
  const destination = await createSqliteDestination(
    'warehouse',
    { path: file, busy_timeout: 1000, tables: 'per_event' },
    { contracts: () => contracts },
  );
  const [outcome] = await destination.deliver([deliveryOfEvent()], never);
  await destination.close();
  expect(outcome).toEqual({ kind: 'delivered' });
}
