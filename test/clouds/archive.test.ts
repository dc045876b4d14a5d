import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { zstdCompressSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import type { Delivery } from '../../src/destinations/destination.ts';
import { deliveryOfEvent, never } from '../destinations/deliveries.ts';
import { startHttpServer } from '../destinations/http-server.ts';
import { startRealService } from '../real-service.ts';
import { prefix } from './archive-far-side.ts';
import { bucketServices, type Bucket, type BucketService } from './buckets.ts';
import { awsEnvironment, whyNoFake } from './engine-folder.ts';
import { createReplayRig, fill, idsOf, type ReplayRig } from './replay-rig.ts';

const days = 6;

/** Of the state of a replay: one more than the objects that were sent. */
function linesOf(file: string): number {
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').length : 0;
}

describe.each(bucketServices)('headgate archive with a bucket of $name', ({ program, start }) => {
  describe.skipIf(whyNoFake(program) !== undefined)('at a fake', () => {
    let service: BucketService;
    let bucket: Bucket;
    let rig: ReplayRig;
    /** Six days of events, older ones as lines of JSON and newer ones as Parquet. */
    let deliveries: Delivery[];

    beforeAll(async () => {
      for (const [name, text] of Object.entries(awsEnvironment)) vi.stubEnv(name, text);
      service = await start();
      bucket = await service.createBucket();
      deliveries = Array.from({ length: days * 8 }, (_, index) =>
        deliveryOfEvent({
          eventTime: new Date(Date.UTC(2026, 2, 1 + (index % days), index % 24)).toISOString(),
          eventName: index % 2 === 0 ? 'order_completed' : 'cart_viewed',
          source: index % 3 === 0 ? 'shop' : 'checkout',
          userId: `u-${index % 5}`,
          properties: { order_id: `o-${index}`, total: 12.5, currency: 'EUR' },
        }),
      );
      const half = deliveries.length / 2;
      await fill(bucket, deliveries.slice(0, half));
      const newer = { ...bucket, settings: { ...bucket.settings, format: 'parquet' } };
      await fill(newer, deliveries.slice(half));
      rig = rigFor(bucket);
    }, 60_000);
    afterAll(async () => {
      rig?.close();
      bucket?.close();
      await service?.stop();
      vi.unstubAllEnvs();
    });

    function rigFor(one: Bucket): ReplayRig {
      return createReplayRig(
        one,
        (folder) => ({
          fresh: { type: 'sqlite', path: path.join(folder, 'fresh.db') },
          slow: { type: 'sqlite', path: path.join(folder, 'slow.db') },
        }),
        service.env,
      );
    }

    test('list counts what is there, and a time within a day shows all of it', async () => {
      const { stdout, stderr } = await rig.run('list', '--json');
      expect(stderr).toBe('');
      expect(JSON.parse(stdout).total).toBe(deliveries.length);
      const some = await rig.run(
        'list',
        '--since',
        '2026-03-02T09:00:00Z',
        '--until',
        '2026-03-03',
        '--json',
      );
      expect(JSON.parse(some.stdout).days).toMatchObject([
        { day: '2026-03-02', event: 'cart_viewed', events: 8 },
      ]);
    });

    test('a dry run counts what a replay would send, and does nothing', async () => {
      const { stdout } = await rig.run('replay', '--destination', 'fresh', '--dry-run', '--json');
      expect(JSON.parse(stdout).total).toBe(deliveries.length);
      expect(existsSync(path.join(rig.folder, 'fresh.db'))).toBe(false);
      expect(existsSync(path.join(rig.folder, 'archive-replay-lake-to-fresh.jsonl'))).toBe(false);
    });

    test('filters select by time, event, source and person, in both formats', async () => {
      const options = ['--since', '2026-03-02T12:00:00Z', '--until', '2026-03-05', '--json'];
      const filters = [...options, '--event', 'order_*', '--source', 'check*', '--user', 'u-3'];
      const state = path.join(rig.folder, 'filtered.jsonl');
      const { stdout } = await rig.run(
        'replay',
        '--destination',
        'slow',
        '--state',
        state,
        ...filters,
      );
      const wanted = deliveries.filter((delivery) => {
        const { eventName, source, userId, eventTime = '' } = delivery.event();
        const isThen = eventTime >= '2026-03-02T12:00:00Z' && eventTime < '2026-03-05';
        return (
          isThen && eventName === 'order_completed' && source === 'checkout' && userId === 'u-3'
        );
      });
      expect(wanted.length).toBeGreaterThan(0);
      expect(JSON.parse(stdout)).toMatchObject({ sent: wanted.length, refused: 0 });
      expect(rig.idsIn('slow')).toEqual(idsOf(wanted));
    });

    test('a replay that is killed goes on, and each event is there once', async () => {
      const state = path.join(rig.folder, 'killed.jsonl');
      const args = ['replay', '--destination', 'slow', '--state', state, '--rate', '20', '--json'];
      expect(await rig.killed(() => linesOf(state) > 4, ...args)).toBe(true);
      const sent = linesOf(state) - 1;
      const { code, stdout } = await rig.run(...args);
      expect(code).toBe(0);
      const objects = (await bucket.objects()).length;
      expect(JSON.parse(stdout).objects).toBeLessThanOrEqual(objects - sent + 1);
      expect(rig.idsIn('slow')).toEqual(idsOf(deliveries));
      // Sent a second time from the start, nothing is counted twice.
      rmSync(state);
      expect(JSON.parse((await rig.run(...args)).stdout)).toMatchObject({
        sent: deliveries.length,
      });
      expect(rig.idsIn('slow')).toEqual(idsOf(deliveries));
    }, 60_000);

    test('no more than the rate is sent in a second', async () => {
      const state = path.join(rig.folder, 'rated.jsonl');
      const startedMs = performance.now();
      await rig.run('replay', '--destination', 'fresh', '--state', state, '--rate', '20');
      // The last batch does not wait for the time that it takes.
      const leastMs = ((deliveries.length - 20) / 20) * 1_000;
      expect(performance.now() - startedMs).toBeGreaterThan(leastMs);
    }, 60_000);

    test('through the gate, each is stored once under its own id', async () => {
      await using gate = await startRealService({
        yaml: `source: shop\ndestinations: { out: { type: sqlite, path: ${rig.folder}/out.db } }\n`,
      });
      const state = path.join(rig.folder, 'gate.jsonl');
      const filters = ['--source', 'shop', '--event', 'order_*', '--state', state, '--json'];
      const args = ['replay', '--through-gate', '--url', gate.url, ...filters];
      const wanted = deliveries.filter((delivery) => {
        const { eventName, source } = delivery.event();
        return eventName === 'order_completed' && source === 'shop';
      });
      for (let time = 0; time < 2; time += 1) {
        const { code, stdout } = await rig.run(...args);
        expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, sent: wanted.length });
        rmSync(state);
      }
      await expect.poll(() => rig.idsIn('out'), { timeout: 10_000 }).toEqual(idsOf(wanted));
    });

    test('objects of others, damaged and missing ones: named, and the rest arrives', async () => {
      const own = await service.createBucket();
      const sent = deliveries.slice(0, 12);
      await fill(own, sent);
      const day = `${prefix}event_date=2026-03-09/event=order_completed/`;
      const secret = 'eve@example.com';
      const line = `${Buffer.from(sent[0]!.payload).toString()}\n`;
      const whole = zstdCompressSync(line);
      const damaged: Record<string, Buffer> = {
        [`${day}000000000001-000000000002.5f3a9c1e-1.2.ndjson.zst`]: whole,
        [`${day}000000000001-000000000002.5f3a9c1e-2.1.ndjson.zst`]: Buffer.from('not compressed'),
        [`${day}000000000001-000000000002.5f3a9c1e-3.1.ndjson.zst`]: whole.subarray(0, -9),
        [`${day}000000000001-000000000002.5f3a9c1e-4.1.ndjson.zst`]: zstdCompressSync(
          `{"eventId":"${secret}`,
        ),
        [`${day}000000000001-000000000002.5f3a9c1e-5.1.parquet`]: Buffer.from('PAR1 but no more'),
      };
      const others = { [`${day}compacted.parquet`]: whole, [`${prefix}notes.txt`]: whole };
      for (const [key, body] of Object.entries({ ...damaged, ...others })) {
        await own.store.putNew(key, body, 'application/octet-stream', never);
      }
      const last = (await own.objects()).filter(({ day: at }) => at === '2026-03-06').at(-1)!;
      const there = rigFor(own);
      try {
        const state = path.join(there.folder, 'archive-replay-lake-to-fresh.jsonl');
        const args = ['replay', '--destination', 'fresh', '--json'];
        const running = there.run(...args, '--rate', '4');
        // All are listed when the first was sent; this one is gone when its turn comes.
        await vi.waitFor(() => expect(linesOf(state)).toBeGreaterThan(1), { timeout: 10_000 });
        await own.remove(last.key);
        const { code, stdout, stderr } = await running;
        expect(code).toBe(1);
        for (const key of [last.key, ...Object.keys(damaged)]) {
          expect(stderr).toContain(`not read: ${key}: `);
        }
        expect(stderr).toContain(`left out: 1 objects that Headgate did not write, such as ${day}`);
        expect(stderr).toContain('6 objects could not be read');
        expect(stderr).not.toContain(secret);
        expect(stderr).not.toContain('    at ');
        expect(JSON.parse(stdout)).toMatchObject({ sent: sent.length - last.events, refused: 0 });
        for (const key of Object.keys(damaged)) await own.remove(key);
        expect(await there.run(...args)).toMatchObject({ code: 0 });
        expect(there.idsIn('fresh')).toHaveLength(sent.length - last.events);
      } finally {
        there.close();
        own.close();
      }
    }, 60_000);

    test('without rights, the reason is said and no credential', async () => {
      const isS3 = program === 'ministack';
      const server = await startHttpServer((_request, response) => {
        response.writeHead(403, { 'content-type': isS3 ? 'application/xml' : 'application/json' });
        response.end(
          isS3
            ? '<Error><Code>AccessDenied</Code><Message>no s3:ListBucket</Message></Error>'
            : '{"error":{"code":403,"message":"no storage.objects.list"}}',
        );
      });
      const endpoint = `http://127.0.0.1:${server.port}`;
      const there = rigFor({ ...bucket, settings: { ...bucket.settings, endpoint } });
      try {
        const { code, stdout, stderr } = await there.run('list');
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
        expect(stderr).toMatch(
          /The archive "lake" could not be read: .*(ListBucket|objects\.list)/,
        );
        expect(stderr).not.toContain(awsEnvironment.AWS_SECRET_ACCESS_KEY);
        expect(stderr).not.toContain('    at ');
      } finally {
        there.close();
        await server.close();
      }
    });
  });
});
