import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import type { Delivery } from '../../src/destinations/destination.ts';
import { deliveryOfEvent } from '../destinations/deliveries.ts';
import { askPostgres } from '../destinations/postgres-far-side.ts';
import {
  startPostgres,
  whyNoPostgres,
  type PostgresServer,
} from '../destinations/postgres-server.ts';
import { bucketServices, type BucketService } from './buckets.ts';
import { awsEnvironment, whyNoFake } from './engine-folder.ts';
import { createReplayRig, fill, idsOf } from './replay-rig.ts';

const days = 365;
const kills = 3;
const names = ['order_completed', 'page_viewed', 'Cart Viewed / v2'];

/** 20 to 26 events a day, of three names. */
function aYear(): Delivery[] {
  return Array.from({ length: days }, (_, day) =>
    Array.from({ length: 20 + (day % 7) }, (_event, index) =>
      deliveryOfEvent({
        eventTime: new Date(Date.UTC(2025, 0, 1 + day, index % 24, 59, 59, 999)).toISOString(),
        eventName: names[index % names.length]!,
        properties: { order_id: `o-${day}-${index}`, total: 12.5, currency: 'EUR' },
      }),
    ),
  ).flat();
}

const [first] = bucketServices;
const isLong = process.env['CLOUDS'] === 'long';
const skips = !isLong || whyNoFake(first.program) !== undefined || whyNoPostgres() !== undefined;
if (!isLong) console.log('skipped, a year in an archive: npm run test:clouds runs it');

describe.skipIf(skips)('a year of events in a bucket', () => {
  let service: BucketService;
  let server: PostgresServer;
  beforeAll(async () => {
    for (const [name, text] of Object.entries(awsEnvironment)) vi.stubEnv(name, text);
    service = await first.start();
    server = await startPostgres();
  }, 60_000);
  afterAll(async () => {
    await server?.close();
    await service?.stop();
    vi.unstubAllEnvs();
  });

  test('fills a new PostgreSQL, with kills between: equal counts by day', async () => {
    const bucket = await service.createBucket();
    const deliveries = aYear();
    await fill(bucket, deliveries);
    const objects = await bucket.objects();
    const { url, password } = server;
    const rig = createReplayRig(
      bucket,
      () => ({ warehouse: { type: 'postgres', url, password, tls: false, tables: 'both' } }),
      service.env,
    );
    try {
      const state = path.join(rig.folder, 'archive-replay-lake-to-warehouse.jsonl');
      const lines = (): number =>
        existsSync(state) ? readFileSync(state, 'utf8').split('\n').length - 2 : 0;
      const args = ['replay', '--destination', 'warehouse', '--rate', '20000', '--json'];
      for (let kill = 1; kill <= kills; kill += 1) {
        const isFar = (): boolean => lines() > (objects.length * kill) / (kills + 1);
        expect(await rig.killed(isFar, ...args)).toBe(true);
      }
      const before = lines();
      const last = await rig.run(...args);
      expect(last).toMatchObject({ code: 0, stderr: '' });
      // It goes on, and does not begin again.
      expect(JSON.parse(last.stdout)).toMatchObject({ objects: objects.length - before });
      const wanted = Map.groupBy(deliveries, (one) => one.event().eventTime!.slice(0, 10));
      const counts = [...wanted].map(([day, { length }]) => ({ day, n: length }));
      const ofDay = "to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD')";
      const byDay = `SELECT ${ofDay} AS day, count(*)::int AS n FROM events GROUP BY 1 ORDER BY 1`;
      expect(await askPostgres(server, byDay)).toEqual(counts);
      const ids = await askPostgres<{ id: string }>(server, 'SELECT event_id AS id FROM events');
      expect(ids.map(({ id }) => id).sort()).toEqual(idsOf(deliveries));
      const orders = deliveries.filter((one) => one.event().eventName === 'order_completed');
      const typed = 'SELECT count(DISTINCT order_id)::int AS n FROM order_completed';
      expect(await askPostgres(server, typed)).toEqual([{ n: orders.length }]);
      const list = await rig.run('list', '--json');
      expect(JSON.parse(list.stdout).total).toBe(deliveries.length);
      console.log(`${deliveries.length} events in ${objects.length} objects of ${days} days`);
    } finally {
      rig.close();
      bucket.close();
    }
  }, 600_000);
});
