import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Delivery } from '../../src/destinations/destination.ts';
import { createParquetDestination } from '../../src/destinations/parquet/parquet.ts';
import { deliverAll, deliveryOfEvent } from '../destinations/deliveries.ts';
import { startHttpServer } from '../destinations/http-server.ts';
import { parquetSettings } from '../destinations/parquet-far-side.ts';
import { webhookSecret } from '../destinations/webhook-far-side.ts';
import { startRealService } from '../real-service.ts';
import { runCli } from './run-cli.ts';

const days = 12;
let folder: string;
let config: string;
let deliveries: Delivery[];

/** A year of events, of two names and two sources, in the files of a `parquet` destination. */
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-archive-'));
  const lake = path.join(folder, 'lake');
  const settings = parquetSettings(lake, { partition_by: 'event_date', file_events_max: 10 });
  const destination = await createParquetDestination('lake', settings);
  deliveries = Array.from({ length: days * 4 }, (_, index) =>
    deliveryOfEvent({
      eventTime: new Date(Date.UTC(2025, index % days, 15, 12)).toISOString(),
      eventName: index % 2 === 0 ? 'order_completed' : 'cart_viewed',
      source: index % 3 === 0 ? 'shop' : 'checkout',
      userId: `u-${index % 5}`,
      properties: { order_id: `o-${index}`, total: 12.5, currency: 'EUR' },
    }),
  );
  await deliverAll(destination, deliveries);
  await destination.close();
  config = path.join(folder, 'headgate.yaml');
  writeFileSync(
    config,
    `destinations:
  lake: { type: parquet, path: ${lake} }
  fresh: { type: sqlite, path: ${folder}/fresh.db, fields: { drop: [/user_id] } }
  typed: { type: sqlite, path: ${folder}/typed.db, tables: per_event, events: [order_*] }
  orders:
    type: sqlite
    path: ${folder}/orders.db
    events: [order_*]
    transform: '$exists(properties.order_id) and source = "shop" ? $ : null'
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

/** In a folder of its own, where the file of its state is. */
async function archive(...args: string[]) {
  const { code, stdout, stderr } = await runCli(['archive', ...args, '--config', config], {
    env: { HEADGATE_DATA_DIR: folder, HEADGATE_SCHEMAS_DIR: path.resolve('schemas') },
    cwd: folder,
  });
  return { code, stdout, stderr };
}

function rowsOf(file: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(path.join(folder, file));
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

test('list counts by day and event, within the days that are asked for', async () => {
  const all = JSON.parse((await archive('list', '--json')).stdout);
  expect(all.total).toBe(days * 4);
  const some = await archive('list', '--since', '2025-03-01', '--until', '2025-05-01', '--json');
  expect(JSON.parse(some.stdout).days).toMatchObject([
    { day: '2025-03-15', event: 'order_completed', events: 4 },
    { day: '2025-04-15', event: 'cart_viewed', events: 4 },
  ]);
});

test('a new warehouse is filled with each event once, by the rules of the destination', async () => {
  const dry = await archive('replay', '--destination', 'fresh', '--dry-run', '--json');
  expect(JSON.parse(dry.stdout)).toMatchObject({ total: days * 4 });
  const first = await archive('replay', '--destination', 'fresh', '--json');
  expect(first).toMatchObject({ code: 0 });
  expect(JSON.parse(first.stdout)).toMatchObject({ sent: days * 4, filtered: 0, refused: 0 });
  const rows = rowsOf('fresh.db', 'SELECT * FROM events');
  expect(rows.map(({ event_id: id }) => id).sort()).toEqual(
    deliveries.map((delivery) => delivery.event().eventId).sort(),
  );
  // `fields` has kept it back.
  expect(rows.every(({ user_id: user }) => user === null)).toBe(true);
  expect(new Set(rows.map((row) => row['properties'])).size).toBe(days * 4);
  // It was sent whole, so nothing is left to send.
  const again = await archive('replay', '--destination', 'fresh', '--json');
  expect(JSON.parse(again.stdout)).toMatchObject({ objects: 0, sent: 0 });
});

test('a replay that was killed goes on, and its file is private', async () => {
  const state = path.join(folder, 'archive-replay-lake-to-fresh.jsonl');
  expect(statSync(state).mode & 0o077).toBe(0);
  const lines = readFileSync(state, 'utf8').trimEnd().split('\n');
  // The last object was sent, and the line about it half written.
  writeFileSync(state, `${lines.slice(0, -1).join('\n')}\n${lines.at(-1)!.slice(0, 9)}`);
  const again = await archive('replay', '--destination', 'fresh', '--json');
  expect(JSON.parse(again.stdout)).toMatchObject({ objects: 1, sent: 4 });
  const third = await archive('replay', '--destination', 'fresh', '--json');
  expect(JSON.parse(third.stdout)).toMatchObject({ objects: 0, sent: 0 });
  expect(rowsOf('fresh.db', 'SELECT * FROM events')).toHaveLength(days * 4);
  const other = await archive('replay', '--destination', 'fresh', '--event', 'order_*');
  expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('--state') });
});

test('the filters of a destination and its transform apply', async () => {
  const { stdout } = await archive('replay', '--destination', 'orders', '--json');
  const wanted = deliveries.filter((delivery) => {
    const { eventName, source } = delivery.event();
    return eventName === 'order_completed' && source === 'shop';
  });
  const filtered = days * 4 - wanted.length;
  expect(JSON.parse(stdout)).toMatchObject({ sent: wanted.length, filtered, refused: 0 });
  expect(rowsOf('orders.db', 'SELECT * FROM events')).toHaveLength(wanted.length);
});

test('a destination with a table for each event gets its columns from the contracts', async () => {
  const { stdout } = await archive('replay', '--destination', 'typed', '--json');
  const orders = deliveries.filter((one) => one.event().eventName === 'order_completed');
  expect(JSON.parse(stdout)).toMatchObject({ sent: orders.length, refused: 0 });
  const sql = 'SELECT count(DISTINCT order_id) AS n FROM order_completed WHERE total = 12.5';
  expect(rowsOf('typed.db', sql)).toEqual([{ n: orders.length }]);
});

test('source, user and event select', async () => {
  const filters = ['--source', 'sh*', '--user', 'u-0', '--event', 'order_*'];
  const dry = await archive('replay', '--destination', 'orders', '--dry-run', '--json', ...filters);
  const count = deliveries.filter((delivery) => {
    const { eventName, source, userId } = delivery.event();
    return eventName === 'order_completed' && source === 'shop' && userId === 'u-0';
  }).length;
  expect(count).toBeGreaterThan(0);
  expect(JSON.parse(dry.stdout).total).toBe(count);
});

test('through the gate, events keep their ids, and are stored once', async () => {
  await using gate = await startRealService({
    yaml: `source: shop\ndestinations: { out: { type: sqlite, path: ${folder}/out.db } }\n`,
  });
  const state = path.join(folder, 'through-gate.jsonl');
  const filters = ['--source', 'shop', '--event', 'order_*', '--state', state];
  const args = ['replay', '--through-gate', '--url', gate.url, '--json', ...filters];
  const wanted = deliveries
    .map((delivery) => delivery.event())
    .filter(({ eventName, source }) => eventName === 'order_completed' && source === 'shop');
  const { stdout, stderr, code } = await archive(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ sent: wanted.length, refused: 0 });
  rmSync(state);
  await archive(...args);
  const held = (): unknown[] =>
    rowsOf('out.db', 'SELECT event_id, event_time FROM events').map((row) => row['event_id']);
  const ids = wanted.map(({ eventId }) => eventId).sort();
  await expect.poll(() => held().sort(), { timeout: 10_000 }).toEqual(ids);
  const times = rowsOf('out.db', 'SELECT event_time FROM events').map((row) => row['event_time']);
  expect(times.sort()).toEqual(wanted.map(({ eventTime }) => eventTime).sort());
});

test('what a destination refuses is kept with its reason, and the rest arrives', async () => {
  const received: string[] = [];
  const server = await startHttpServer(({ headers }, response) => {
    const id = String(headers['webhook-id']);
    const isBad = id === deliveries[0]!.event().eventId;
    if (!isBad) received.push(id);
    response.statusCode = isBad ? 400 : 204;
    response.end();
  });
  try {
    const file = path.join(folder, 'hook.yaml');
    const url = `http://127.0.0.1:${server.port}/`;
    const hook = `type: webhook, url: "${url}", secret: "${webhookSecret}", allow_private_addresses: true`;
    writeFileSync(
      file,
      `${readFileSync(config, 'utf8')}  hook: { ${hook}, retry: { attempts: 1 } }\n`,
    );
    const { code, stdout, stderr } = await runCli(
      [
        'archive',
        'replay',
        '--archive',
        'lake',
        '--destination',
        'hook',
        '--json',
        '--config',
        file,
      ],
      { env: { HEADGATE_DATA_DIR: folder }, cwd: folder },
    );
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('refused') });
    expect(JSON.parse(stdout)).toMatchObject({ sent: days * 4 - 1, refused: 1 });
    expect(received).toHaveLength(days * 4 - 1);
    const kept = path.join(folder, 'archive-replay-lake-to-hook.jsonl.refused.ndjson');
    const [line] = readFileSync(kept, 'utf8').trimEnd().split('\n');
    const { reason, event } = JSON.parse(line!);
    expect(reason).toContain('400');
    expect(event).toMatchObject({ eventId: deliveries[0]!.event().eventId });
  } finally {
    await server.close();
  }
});

test.each([
  [['replay'], 'Say where to: --destination NAME, or --through-gate.'],
  [['replay', '--destination', 'lake'], 'is the archive itself'],
  [['replay', '--destination', 'nowhere'], 'is not a destination of the configuration'],
  [['list', '--archive', 'fresh'], 'Archives: lake.'],
])('%j says how to fix it', async (args, text) => {
  expect(await archive(...args)).toMatchObject({ code: 1, stderr: expect.stringContaining(text) });
});
