import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import type { Destination, DestinationSettings } from '../../src/destinations/destination.ts';
import { openS3Store } from '../../src/destinations/s3/store.ts';
import { s3Type } from '../../src/destinations/s3/type.ts';
import { describeDestination } from '../destinations/conformance.ts';
import { deliverAll, deliveryOfEvent, never, readAll } from '../destinations/deliveries.ts';
import { deliverWhileKilled, expectAllArrived } from '../destinations/killed-worker.ts';
import { startRelay, type Relay } from '../destinations/relay.ts';
import { asFarSide, createArchiveFarSide, idOf, prefix } from './archive-far-side.ts';
import type { ArchiveFarSide } from './archive-far-side.ts';
import { testBucketFaults } from './bucket-faults.ts';
import { awsEnvironment, whyNoFake } from './engine-folder.ts';
import { startMinistack, type Ministack } from './ministack.ts';

const isLong = process.env['CLOUDS'] === 'long';
const region = 'eu-west-1';

describe.skipIf(whyNoFake('ministack') !== undefined)('with a fake of S3', () => {
  let fake: Ministack;
  let admin: S3Client;
  let buckets = 0;
  const opened: (() => unknown)[] = [];
  beforeAll(async () => {
    for (const [name, text] of Object.entries(awsEnvironment)) vi.stubEnv(name, text);
    fake = await startMinistack(['s3']);
    admin = new S3Client({ region, endpoint: fake.url, forcePathStyle: true });
  });
  afterAll(async () => {
    admin?.destroy();
    await fake?.stop();
    vi.unstubAllEnvs();
  });
  afterEach(async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  });

  /** A bucket of its own. With a relay, the destination reaches it through that. */
  async function startBucket(
    more: DestinationSettings = {},
    relay?: Relay,
  ): Promise<ArchiveFarSide> {
    const bucket = `archive-${(buckets += 1)}`;
    await admin.send(new CreateBucketCommand({ Bucket: bucket }));
    const direct = { bucket, region, path_style: true, endpoint: fake.url, timeout: 5_000 };
    const store = await openS3Store('reader', direct);
    const endpoint = relay === undefined ? fake.url : `http://127.0.0.1:${relay.port}`;
    return createArchiveFarSide(s3Type, store, { ...direct, timeout: 2_000, endpoint, ...more });
  }

  async function open(farSide: ArchiveFarSide): Promise<Destination> {
    const destination = await s3Type.create('archive', farSide.settings);
    opened.push(farSide.close, () => destination.close());
    return destination;
  }

  if (isLong) describeDestination(s3Type, async () => asFarSide(await startBucket()));

  test('an object has the events of a day and a name, byte for byte', async () => {
    const farSide = await startBucket();
    const destination = await open(farSide);
    const overrides = [
      { eventTime: '2024-02-29T23:59:59.999Z' },
      { eventTime: '2024-03-01T00:00:00.000Z', eventName: 'Order Completed / v2 é' },
      { eventTime: '2024-03-01T00:00:00.000Z', properties: { n: 1e21, text: '\uFFFF "\\' } },
      { timestamp: 'not a time' },
    ];
    const deliveries = overrides.map((one) => deliveryOfEvent(one));
    await deliverAll(destination, deliveries);
    await farSide.untilUploaded();
    const objects = await farSide.objects();
    expect(objects.map(({ day, eventName, events }) => [day, eventName, events]).sort()).toEqual([
      ['2024-02-29', 'order_completed', 1],
      ['2024-03-01', 'Order Completed / v2 é', 1],
      ['2024-03-01', 'order_completed', 1],
      ['unknown', 'order_completed', 1],
    ]);
    const sent = deliveries.map(({ payload }) => Buffer.from(payload).toString());
    expect((await farSide.lines()).sort()).toEqual(sent.sort());
  });

  test('a manifest lists the objects of a file of the spool', async () => {
    const farSide = await startBucket();
    await deliverAll(await open(farSide), [
      deliveryOfEvent(),
      deliveryOfEvent({ eventName: 'cart_viewed' }),
    ]);
    await farSide.untilUploaded();
    const [manifest] = await readAll(farSide.store.list(`${prefix}_manifest/`, never));
    const text = Buffer.from(await farSide.store.get(manifest!.key, never)).toString();
    const keys = (await farSide.objects()).map(({ key }) => key);
    expect(JSON.parse(text)).toMatchObject({
      version: 1,
      day: '2026-03-01',
      objects: expect.arrayContaining(
        keys.map((key) => expect.objectContaining({ key, events: 1 })),
      ),
    });
  });

  test.each(['ndjson', 'parquet'])('DuckDB reads the objects as %s', async (format) => {
    const farSide = await startBucket({ format });
    const deliveries = Array.from({ length: 30 }, (_, index) =>
      deliveryOfEvent({
        eventTime: `2026-03-0${1 + (index % 3)}T10:00:00.000Z`,
        eventName: index % 2 === 0 ? 'order_completed' : 'cart_viewed',
        properties: { total: '12345678901234567890' },
      }),
    );
    await deliverAll(await open(farSide), deliveries);
    await farSide.untilUploaded();
    const folder = mkdtempSync(path.join(tmpdir(), 'headgate-objects-'));
    opened.push(() => rmSync(folder, { recursive: true }));
    for (const { key } of await farSide.objects()) {
      const file = path.join(folder, key);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, await farSide.store.get(key, never));
    }
    const files = `'${folder}/**/*.${format === 'ndjson' ? 'ndjson.zst' : 'parquet'}'`;
    const [from, id] =
      format === 'ndjson'
        ? [
            `read_json(${files}, format = 'newline_delimited', hive_partitioning = true)`,
            '"eventId"',
          ]
        : [`read_parquet(${files}, hive_partitioning = true)`, 'event_id'];
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll(
      `SELECT CAST(event_date AS VARCHAR) AS day, event, CAST(count(DISTINCT ${id}) AS INTEGER) AS n
       FROM ${from} GROUP BY ALL ORDER BY ALL`,
    );
    const rows = reader.getRowObjectsJson();
    connection.closeSync();
    instance.closeSync();
    expect(rows).toEqual(
      ['2026-03-01', '2026-03-02', '2026-03-03'].flatMap((day) =>
        ['cart_viewed', 'order_completed'].map((event) => ({ day, event, n: 5 })),
      ),
    );
  });

  testBucketFaults('S3: ', isLong, async () => {
    const relay = await startRelay(fake.port);
    opened.push(() => relay.close());
    const farSide = await startBucket({ timeout: 300 }, relay);
    return { relay, farSide, destination: await open(farSide) };
  });

  test('a bucket that does not exist is named, and its credentials are not', async () => {
    const farSide = await startBucket({ bucket: 'not-there' });
    const destination = await open(farSide);
    const outcomes = async () => JSON.stringify(await deliverAll(destination, [deliveryOfEvent()]));
    await expect.poll(outcomes, { timeout: 10_000 }).toContain('S3: NoSuchBucket');
    expect(await outcomes()).not.toContain(awsEnvironment.AWS_SECRET_ACCESS_KEY);
  });

  const [events, kills] = isLong ? [20_000, 10] : [400, 1];
  test(`${events} events, ${kills} kills of the worker: each is in the objects once`, async () => {
    const farSide = await startBucket();
    opened.push(farSide.close);
    const { bucket, spool, endpoint } = farSide.settings as Record<string, string>;
    const place = { bucket: bucket!, region, endpoint: endpoint!, path_style: true, prefix };
    const destination = {
      name: 'archive',
      settings: { type: 's3', ...place, spool: spool!, flush_interval: '100ms' },
      arrives: 'exactly once' as const,
      count: farSide.spooled,
      ids: async () => {
        await farSide.untilUploaded();
        return (await farSide.lines()).map(idOf);
      },
    };
    const run = await deliverWhileKilled([destination], { events, kills, env: awsEnvironment });
    expect(run.ids).toHaveLength(events);
    await expectAllArrived(run, [destination]);
    console.log(`${(await farSide.objects()).length} objects for ${events} events`);
  }, 600_000);
});
