import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { delivered, type Destination } from '../../src/destinations/destination.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import { decodeStoredEvent, type StoredEvent } from '../../src/event/stored-event.ts';
import { startEngine, whyNoEngine } from '../clickhouse/engine.ts';
import {
  deliverAll,
  deliveryOf,
  deliveryOfEvent,
  never,
  readAll,
  storedEvent,
} from '../destinations/deliveries.ts';
import { deliverWhileKilled, expectAllArrived } from '../destinations/killed-worker.ts';
import { askFiles } from '../destinations/parquet-far-side.ts';
import { contractOf } from '../tables/generated-events.ts';
import { prefix } from './archive-far-side.ts';
import { bucketServices, type Bucket, type BucketService } from './buckets.ts';
import { awsEnvironment, whyNoFake } from './engine-folder.ts';
import { createReplayRig, idsOf, placeOf } from './replay-rig.ts';

const isLong = process.env['CLOUDS'] === 'long';

const first = {
  properties: {
    total: { type: 'number', multipleOf: 0.01 },
    at: { type: 'string', format: 'date-time' },
  },
};
const second = { properties: { ...first.properties, units: { type: 'integer' } } };

describe.each(bucketServices)('typed objects in a bucket of $name', ({ name, program, start }) => {
  describe.skipIf(whyNoFake(program) !== undefined)('at a fake', () => {
    let service: BucketService;
    const opened: (() => unknown)[] = [];
    let contracts: readonly EventContract[] = [];
    beforeAll(async () => {
      for (const [variable, text] of Object.entries(awsEnvironment)) vi.stubEnv(variable, text);
      service = await start();
    }, 60_000);
    afterAll(async () => {
      await service?.stop();
      vi.unstubAllEnvs();
    });
    afterEach(async () => {
      for (const close of opened.splice(0).toReversed()) await close();
    });

    async function startBucket(more: Readonly<Record<string, string>>): Promise<Bucket> {
      const bucket = await service.createBucket(more);
      opened.push(bucket.close);
      return bucket;
    }

    async function open(bucket: Bucket): Promise<Destination> {
      const { type, settings } = bucket;
      const destination = await type.create('lake', settings, { contracts: () => contracts });
      opened.push(() => destination.close());
      return destination;
    }

    /** Copies of the objects of tables, by the folder of the table. */
    async function copied({ store }: Bucket): Promise<string> {
      const folder = mkdtempSync(path.join(tmpdir(), 'headgate-objects-'));
      opened.push(() => rmSync(folder, { recursive: true }));
      for (const { key } of await readAll(store.list(prefix, never))) {
        if (!key.includes('/headgate_event_date=')) continue;
        const file = path.join(folder, key.slice(prefix.length));
        mkdirSync(path.dirname(file), { recursive: true });
        writeFileSync(file, await store.get(key, never));
      }
      return folder;
    }

    async function manifests({
      store,
    }: Bucket): Promise<Record<string, { key: string; events: number }[]>[]> {
      const keys = await readAll(store.list(`${prefix}_manifest/`, never));
      const bodies = await Promise.all(keys.map(({ key }) => store.get(key, never)));
      return bodies.map((body) => JSON.parse(Buffer.from(body).toString()));
    }

    /** Two versions of a contract, a value that fits no column, and events without a contract. */
    async function deliver(bucket: Bucket) {
      const destination = await open(bucket);
      const order = (version: number, properties: string, day: number) => {
        const eventTime = `2026-03-0${day}T10:00:00.000Z`;
        const event = storedEvent({ schemaVersion: version, eventTime, properties: {} });
        return deliveryOf(
          JSON.stringify(event).replace('"properties":{}', () => `"properties":${properties}`),
        );
      };
      contracts = [contractOf('order_completed', [first])];
      const older = [
        order(1, '{"total":12345678901234567890.12,"at":"2026-02-28T23:59:59.123456789Z"}', 1),
        order(1, '{"total":"not a number"}', 1),
        deliveryOfEvent({ eventName: 'cart_viewed', schemaVersion: 0, timestamp: 'not a time' }),
      ];
      expect(await deliverAll(destination, older)).toEqual(older.map(() => delivered));
      await bucket.untilUploaded();
      contracts = [contractOf('order_completed', [first, second])];
      const newer = [
        order(2, '{"total":1.25,"units":3}', 2),
        deliveryOfEvent({ eventName: 'cart_viewed', schemaVersion: 0 }),
      ];
      expect(await deliverAll(destination, newer)).toEqual(newer.map(() => delivered));
      await bucket.untilUploaded();
      return { orders: [older[0]!, older[1]!, newer[0]!], carts: [older[2]!, newer[1]!] };
    }

    const orderRows = [
      { total: '12345678901234567890.12', units: null, misfits: null, day: '2026-03-01' },
      { total: null, units: null, misfits: '["total"]', day: '2026-03-01' },
      { total: '1.25', units: 3, misfits: null, day: '2026-03-02' },
    ];

    test.each(['ndjson', 'parquet'])(
      'both, with whole events as %s: DuckDB reads the tables',
      async (format) => {
        const bucket = await startBucket({ tables: 'both', format });
        const { orders, carts } = await deliver(bucket);
        const folder = await copied(bucket);
        const rows = await askFiles(
          path.join(folder, 'order_completed'),
          `SELECT CAST(event_id AS VARCHAR) AS id, CAST(total AS VARCHAR) AS total, CAST(units AS INTEGER) AS units,
           misfits, CAST(headgate_event_date AS VARCHAR) AS day FROM files ORDER BY day, total NULLS LAST`
            // Files of the first version lack a column.
            .replace(
              'files',
              `read_parquet('${folder}/order_completed/**/*.parquet', union_by_name = true)`,
            ),
        );
        expect(rows.map(({ id }) => id).sort()).toEqual(idsOf(orders));
        expect(rows.map(({ id: _id, ...row }) => row)).toEqual(orderRows);
        const unplanned = await askFiles(
          path.join(folder, 'unplanned_events'),
          'SELECT event_id FROM files',
        );
        expect(unplanned.map((row) => row['event_id']).sort()).toEqual(idsOf(carts));
        // Each object is listed with its count, in a manifest and in its name.
        const listed = (await manifests(bucket)).flatMap(({ tables }) => tables ?? []);
        expect(listed.reduce((sum, { events }) => sum + events, 0)).toBe(
          orders.length + carts.length,
        );
        for (const { key, events } of listed)
          expect(key).toMatch(new RegExp(`\\.${events}\\.parquet$`));
        // The archive has the whole events, and takes nothing else for its own.
        const rig = createReplayRig(bucket, () => ({}), service.env);
        opened.push(rig.close);
        const { stdout, stderr } = await rig.run('list', '--json');
        expect(stderr).toBe('');
        expect(JSON.parse(stdout).total).toBe(orders.length + carts.length);
      },
    );

    test('per_event: tables alone, which are no archive', async () => {
      const bucket = await startBucket({ tables: 'per_event', table_prefix: 'hg_' });
      const { orders } = await deliver(bucket);
      expect(await bucket.objects()).toEqual([]);
      const folder = await copied(bucket);
      const rows = await askFiles(
        path.join(folder, 'hg_order_completed'),
        'SELECT event_id FROM files',
      );
      expect(rows.map((row) => row['event_id']).sort()).toEqual(idsOf(orders));
      const opening = bucket.type.openArchive!('lake', bucket.settings);
      await expect(opening).rejects.toThrow('destinations.lake.tables: columns by contract');
    });

    test('a contract that goes leaves the events where they were', async () => {
      const bucket = await startBucket({ tables: 'per_event' });
      await deliver(bucket);
      contracts = [];
      const destination = await open(bucket);
      await deliverAll(destination, [deliveryOfEvent({ schemaVersion: 0 })]);
      await bucket.untilUploaded();
      const folder = await copied(bucket);
      const rows = await askFiles(
        path.join(folder, 'order_completed'),
        'SELECT event_id FROM files',
      );
      expect(rows).toHaveLength(4);
    });

    test.each([
      [{ format: 'ndjson' }, { format: 'parquet' }],
      [{ format: 'parquet' }, { format: 'ndjson' }],
      [{ tables: 'events' }, { tables: 'per_event' }],
      [{ tables: 'both' }, { tables: 'events' }],
    ])('events that wait while %j becomes %j are whole in the archive', async (before, after) => {
      const bucket = await startBucket(after);
      const away = { endpoint: 'http://127.0.0.1:9', timeout: 100 };
      const settings = { ...bucket.settings, tables: 'events', ...before, ...away };
      const waiting = [deliveryOfEvent(), deliveryOfEvent({ eventName: 'cart_viewed' })];
      const old = await bucket.type.create('lake', settings, { contracts: () => [] });
      expect(await deliverAll(old, waiting)).toEqual(waiting.map(() => delivered));
      await old.close();
      expect(await bucket.objects()).toEqual([]);
      await open(bucket);
      await bucket.untilUploaded();
      const archive = await bucket.type.openArchive!('lake', {
        ...bucket.settings,
        tables: 'both',
      });
      opened.push(() => archive.close());
      const objects = await readAll(archive.objects(never, () => undefined));
      const read = await Promise.all(objects.map((object) => archive.read(object, never)));
      const partOf = ({ eventId, properties }: StoredEvent) => [eventId, properties];
      const archived = read.flat().map((payload) => partOf(decodeStoredEvent(payload)));
      expect(archived.sort()).toEqual(waiting.map((one) => partOf(one.event())).sort());
    });

    const noClickhouse = name === 's3' ? whyNoEngine() : 'one store shows it';
    test.skipIf(noClickhouse !== undefined)('ClickHouse reads the tables', async () => {
      const bucket = await startBucket({ tables: 'per_event' });
      await deliver(bucket);
      const engine = await startEngine();
      opened.push(() => engine.stop());
      const files = `${await copied(bucket)}/order_completed/**/*.parquet`;
      const rows = await engine.ask(
        `SELECT toString(total) AS total, toInt32(units) AS units, misfits,
             extract(_path, 'headgate_event_date=([0-9-]+)') AS day
           FROM file('${files}', 'Parquet') ORDER BY day, total IS NULL
           SETTINGS schema_inference_mode = 'union'`,
      );
      expect(rows).toEqual(orderRows);
    });

    test.runIf(isLong)(
      '20,000 events, ten kills of the worker: each is a row once',
      async () => {
        const bucket = await startBucket({ tables: 'both' });
        const { spool } = bucket.settings as Record<string, string>;
        const settings = { ...placeOf(bucket), spool, tables: 'both', flush_interval: '100ms' };
        const destination = {
          name: 'lake',
          settings: settings as Readonly<Record<string, string>>,
          arrives: 'exactly once' as const,
          count: bucket.spooled,
          ids: async () => {
            await bucket.untilUploaded();
            const rows = await askFiles(await copied(bucket), 'SELECT event_id FROM files');
            return rows.map((row) => String(row['event_id']));
          },
        };
        const run = await deliverWhileKilled([destination], {
          events: 20_000,
          kills: 10,
          env: service.env,
        });
        expect(run.ids).toHaveLength(20_000);
        await expectAllArrived(run, [destination]);
        const whole = await bucket.objects();
        expect(whole.reduce((sum, { events }) => sum + events, 0)).toBe(20_000);
      },
      600_000,
    );
  });
});
