import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Delivery, Destination } from '../../src/destinations/destination.ts';
import { createParquetDestination } from '../../src/destinations/parquet/parquet.ts';
import { createPostgresDestination } from '../../src/destinations/postgres/postgres.ts';
import { createSqliteDestination } from '../../src/destinations/sqlite/sqlite.ts';
import { deliverAll, deliveryOfEvent, never, readAll } from './deliveries.ts';
import { askFiles, askSpool, parquetSettings, untilExported } from './parquet-far-side.ts';
import { askPostgres, postgresSettings } from './postgres-far-side.ts';
import { startPostgres, whyNoPostgres, type PostgresServer } from './postgres-server.ts';

const hourMs = 3_600_000;
const receivedMs = Date.parse('2026-03-01T12:00:00.000Z');
const timestamp = new Date(receivedMs).toISOString();

/** An import: an event every nine hours of two years, newest first. */
const imported = Array.from({ length: 1_946 }, (_each, index) => {
  const eventTime = new Date(receivedMs - (index * 9 + 1) * hourMs).toISOString();
  return deliveryOfEvent({ timestamp, eventTime, occurredAt: eventTime });
});

/** How many events each month has, and each day. */
function countBy(deliveries: readonly Delivery[], characters: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const delivery of deliveries) {
    const key = delivery.event().eventTime!.slice(0, characters);
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** An event as earlier versions stored it, and the time that its readers find. */
const older = [
  [{ timestamp }, timestamp],
  [{ timestamp, occurredAt: '2026-02-20T01:02:03.456Z' }, '2026-02-20T01:02:03.456Z'],
  [{ timestamp, occurredAt: '1999-01-01T00:00:00.000Z' }, timestamp],
  [
    {
      timestamp,
      occurredAt: '1999-01-01T00:00:00.000Z',
      context: { posthog: { historical_migration: true } },
    },
    '1999-01-01T00:00:00.000Z',
  ],
  [
    { timestamp, occurredAt: '2026-03-01T11:00:00.000Z', sentAt: '2026-03-01T13:00:00.000Z' },
    '2026-03-01T10:00:00.000Z',
  ],
] as const;

let folder: string;
const opened: Destination[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-event-time-'));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((destination) => destination.close()));
  rmSync(folder, { recursive: true });
});

function keep<Opened extends Destination>(destination: Opened): Opened {
  opened.push(destination);
  return destination;
}

/** The columns before `event_time`, of which the old tables had all. */
const oldColumns =
  `event_id, event_name, source, timestamp, user_id, anonymous_id, idempotency_key, schema_version,
  properties, context, occurred_at, sent_at, correlation_id, traceparent, sequence, warnings,
  delivered_at`.split(/,\s+/);

describe('sqlite', () => {
  const open = async (): Promise<Destination> =>
    keep(await createSqliteDestination('w', { path: join(folder, 'w.db'), busy_timeout: 2000 }));

  function ask(sql: string): Record<string, unknown>[] {
    const database = new DatabaseSync(join(folder, 'w.db'));
    try {
      return database.prepare(sql).all();
    } finally {
      database.close();
    }
  }

  test('an import lands in its months', async () => {
    await deliverAll(await open(), imported);
    const rows = ask(
      'SELECT substr(event_time, 1, 7) AS month, count(*) AS n FROM events GROUP BY 1',
    );
    expect(Object.fromEntries(rows.map(({ month, n }) => [month, n]))).toEqual(
      countBy(imported, '2026-03'.length),
    );
  });

  test('the column is indexed', async () => {
    await open();
    const plan = ask("EXPLAIN QUERY PLAN SELECT * FROM events WHERE event_time >= '2026-03-01'");
    expect(JSON.stringify(plan)).toContain('USING INDEX events_by_time');
  });

  test('events of earlier versions get it by the same rule', async () => {
    const destination = await open();
    const deliveries = older.map(([event]) => deliveryOfEvent(event));
    await destination.deliver(deliveries, never);
    const rows = ask('SELECT event_time FROM events ORDER BY sequence');
    expect(rows.map((row) => row['event_time'])).toEqual(older.map(([, time]) => time));
  });

  test('a table of an earlier version gets the column, and that version still writes to it', async () => {
    const database = new DatabaseSync(join(folder, 'w.db'));
    database.exec(`CREATE TABLE events (${oldColumns.join(', ')}, PRIMARY KEY (event_id))`);
    const insert = `INSERT INTO events (${oldColumns.join(', ')})
      VALUES ('${'old'}', 'n', 's', 't'${', null'.repeat(oldColumns.length - 4)})`;
    database.exec(insert);
    database.exec('PRAGMA user_version = 1');
    database.close();
    await (await open()).deliver([deliveryOfEvent({ eventTime: timestamp })], never);
    ask(insert.replace("'old'", "'by the older one'"));
    const rows = ask('SELECT event_time FROM events ORDER BY rowid');
    expect(rows.map((row) => row['event_time'])).toEqual([null, timestamp, null]);
    expect(ask('PRAGMA user_version')).toEqual([{ user_version: 1 }]);
  });

  test('is no part of what makes a copy', async () => {
    const destination = await open();
    const first = deliveryOfEvent({ eventTime: timestamp });
    const copy = { ...first.event(), eventTime: '2026-01-01T00:00:00.000Z' };
    await destination.deliver([first, deliveryOfEvent(copy)], never);
    expect(ask('SELECT event_time FROM events')).toEqual([{ event_time: timestamp }]);
  });
});

describe('parquet', () => {
  const open = async (partition: string, more = {}): Promise<Destination> =>
    keep(
      await createParquetDestination(
        'lake',
        parquetSettings(folder, { partition_by: partition, ...more }),
      ),
    );

  const daysOf = async (): Promise<string[]> =>
    (await readdir(folder)).filter((name) => name.includes('=')).sort();

  test(
    'by event_date an import lands in the folders of its days',
    { timeout: 60_000 },
    async () => {
      const destination = await open('event_date', { flush_interval: 3_600_000 });
      await deliverAll(destination, imported);
      await destination.close();
      const rows = await askFiles(
        folder,
        `SELECT event_date::VARCHAR AS day, count(*)::INT AS n,
         bool_and(event_date = event_time::DATE) AS fits FROM files GROUP BY 1`,
      );
      const days = countBy(imported, '2026-03-01'.length);
      expect(Object.fromEntries(rows.map(({ day, n }) => [day, n]))).toEqual(days);
      expect(rows.every(({ fits }) => fits === true)).toBe(true);
      expect(await daysOf()).toEqual(
        Object.keys(days)
          .map((day) => `event_date=${day}`)
          .sort(),
      );
    },
  );

  test('by the hour it stays in that of its receipt, with the column', async () => {
    await deliverAll(await open('hour'), imported.slice(0, 100));
    await untilExported(folder);
    expect(await daysOf()).toEqual(['date=2026-03-01']);
    const rows = await askFiles(folder, 'SELECT event_time FROM files');
    const times = rows.map(({ event_time: time }) => `${String(time).replace(' ', 'T')}`).sort();
    expect(times.map((time) => time.slice(0, 19))).toEqual(
      imported
        .slice(0, 100)
        .map((delivery) => delivery.event().eventTime!.slice(0, 19))
        .sort(),
    );
  });

  test('what it holds of a window of receipt is found in the folders of any day', async () => {
    const destination = await open('event_date');
    await deliverAll(destination, imported.slice(0, 50));
    await deliverAll(destination, [deliveryOfEvent({ timestamp: '2026-03-02T00:00:00.000Z' })]);
    await untilExported(folder);
    const window = { fromMs: receivedMs, toMs: receivedMs + 1 };
    expect(await readAll(destination.stored!(window))).toHaveLength(50);
  });

  test('a file that was begun by the hour is finished so after the setting changed', async () => {
    const first = await open('hour', { flush_interval: 3_600_000 });
    await deliverAll(first, imported.slice(0, 10));
    askSpool(
      folder,
      "INSERT INTO lots SELECT 1, min(number), max(number), 'hour', 1000 FROM blocks",
    );
    const second = await open('event_date');
    await deliverAll(second, imported.slice(10, 12));
    await untilExported(folder);
    expect((await daysOf()).filter((name) => name.startsWith('date='))).toEqual([
      'date=2026-03-01',
    ]);
    const counted = await askFiles(
      folder.concat('/date=2026-03-01'),
      'SELECT count(*)::INT AS n FROM files',
    );
    expect(counted).toEqual([{ n: 10 }]);
  });
});

const missing = whyNoPostgres();
if (missing !== undefined) console.log(`event time in postgres: skipped: ${missing}`);

describe.runIf(missing === undefined)('postgres', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.close());

  let tables = 0;
  let table: string;
  beforeEach(() => {
    tables += 1;
    table = `t_${tables}`;
  });
  const ask = (sql: string) => askPostgres(server, sql.replaceAll('THE_TABLE', table));
  const open = (more = {}): Destination =>
    keep(
      createPostgresDestination('w', postgresSettings(server, { table, timeout: 5000, ...more })),
    );

  const createOld = `CREATE TABLE THE_TABLE (
    event_id uuid PRIMARY KEY, event_name text NOT NULL, source text NOT NULL,
    timestamp timestamptz NOT NULL, user_id text, anonymous_id text, idempotency_key text NOT NULL,
    schema_version integer, properties jsonb, context jsonb, occurred_at timestamptz,
    sent_at timestamptz, correlation_id text, traceparent text, sequence bigint NOT NULL,
    warnings jsonb, delivered_at timestamptz NOT NULL DEFAULT now())`;

  test('an import lands in its months, by an index', async () => {
    await deliverAll(open(), imported);
    const rows = await ask(
      `SELECT to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*)::int AS n
       FROM THE_TABLE GROUP BY 1`,
    );
    expect(Object.fromEntries(rows.map(({ month, n }) => [month, n]))).toEqual(
      countBy(imported, '2026-03'.length),
    );
    const indexes = await ask("SELECT indexdef FROM pg_indexes WHERE tablename = 'THE_TABLE'");
    expect(JSON.stringify(indexes)).toContain('USING btree (event_time)');
  });

  test('events of earlier versions get it by the same rule', async () => {
    const deliveries = older.map(([event]) => deliveryOfEvent(event));
    await open().deliver(deliveries, never);
    const rows = await ask('SELECT event_time FROM THE_TABLE ORDER BY sequence');
    expect(rows.map((row) => (row['event_time'] as Date).toISOString())).toEqual(
      older.map(([, time]) => time),
    );
  });

  test('a table of an earlier version gets the column, and its rows stay as they are', async () => {
    await ask(createOld);
    await ask(`INSERT INTO THE_TABLE (event_id, event_name, source, timestamp, idempotency_key, sequence)
      VALUES (gen_random_uuid(), 'n', 's', now(), 'k', 1)`);
    const outcomes = await open().deliver([deliveryOfEvent({ eventTime: timestamp })], never);
    expect(outcomes).toEqual([{ kind: 'delivered' }]);
    const rows = await ask('SELECT event_time FROM THE_TABLE ORDER BY event_time NULLS FIRST');
    expect(rows).toEqual([{ event_time: null }, { event_time: new Date(timestamp) }]);
  });

  test("a table that is another user's is filled as before, without it", async () => {
    await ask(createOld);
    await ask(`CREATE USER writer_${tables} PASSWORD 'of-the-writer'`);
    await ask(`GRANT SELECT, INSERT ON THE_TABLE TO writer_${tables}`);
    const url = `postgres://writer_${tables}@127.0.0.1:${server.port}/postgres`;
    const outcomes = await open({ url, password: 'of-the-writer' }).deliver(
      [deliveryOfEvent({ eventTime: timestamp }), deliveryOfEvent()],
      never,
    );
    expect(outcomes).toEqual([{ kind: 'delivered' }, { kind: 'delivered' }]);
    expect(await ask('SELECT count(*)::int AS n FROM THE_TABLE')).toEqual([{ n: 2 }]);
  });

  test('a column that is removed while it is written to is made again', async () => {
    const destination = open();
    await destination.deliver([deliveryOfEvent()], never);
    await ask('ALTER TABLE THE_TABLE DROP COLUMN event_time');
    const again = [deliveryOfEvent({ eventTime: timestamp })];
    expect(await destination.deliver(again, never)).toMatchObject([
      { kind: 'retry', fault: 'destination', status: '42703' },
    ]);
    expect(await destination.deliver(again, never)).toEqual([{ kind: 'delivered' }]);
  });
});
