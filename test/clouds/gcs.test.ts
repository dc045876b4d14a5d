import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { Destination } from '../../src/destinations/destination.ts';
import { openGcsStore } from '../../src/destinations/gcs/store.ts';
import { gcsType } from '../../src/destinations/gcs/type.ts';
import { describeDestination } from '../destinations/conformance.ts';
import { never } from '../destinations/deliveries.ts';
import { deliverWhileKilled, expectAllArrived } from '../destinations/killed-worker.ts';
import { startRelay } from '../destinations/relay.ts';
import { asFarSide, createArchiveFarSide, idOf, prefix } from './archive-far-side.ts';
import type { ArchiveFarSide } from './archive-far-side.ts';
import { testBucketFaults } from './bucket-faults.ts';
import { gcsProgram, whyNoFake } from './engine-folder.ts';
import { startFakeGcs, type FakeGcs } from './fake-gcs.ts';

const isLong = process.env['CLOUDS'] === 'long';

describe.skipIf(whyNoFake(gcsProgram) !== undefined)('with a fake of GCS', () => {
  let fake: FakeGcs;
  let buckets = 0;
  const opened: (() => unknown)[] = [];
  beforeAll(async () => {
    fake = await startFakeGcs();
  });
  afterAll(async () => {
    await fake?.stop();
  });
  afterEach(async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  });

  async function startBucket(endpoint = fake.url): Promise<ArchiveFarSide> {
    const bucket = `archive-${(buckets += 1)}`;
    await fake.createBucket(bucket);
    const store = openGcsStore('reader', { bucket, endpoint: fake.url, timeout: 5_000 });
    return createArchiveFarSide(gcsType, store, { bucket, endpoint });
  }

  async function open(farSide: ArchiveFarSide): Promise<Destination> {
    const destination = await gcsType.create('archive', farSide.settings);
    opened.push(farSide.close, () => destination.close());
    return destination;
  }

  if (isLong) describeDestination(gcsType, async () => asFarSide(await startBucket()));

  test('an object is written once, and listed and read as it is', async () => {
    const { store, close } = await startBucket();
    opened.push(close);
    const put = (text: string) => store.putNew('events/a', Buffer.from(text), 'text/plain', never);
    expect(await put('one')).toBe('written');
    expect(await put('two')).toBe('exists');
    expect(Buffer.from(await store.get('events/a', never)).toString()).toBe('one');
    const listed = [];
    for await (const object of store.list('events/', never)) listed.push(object);
    expect(listed).toEqual([{ key: 'events/a', bytes: 3 }]);
  });

  testBucketFaults('GCS', isLong, async () => {
    const relay = await startRelay(fake.port);
    opened.push(() => relay.close());
    const started = await startBucket(`http://127.0.0.1:${relay.port}`);
    const farSide = { ...started, settings: { ...started.settings, timeout: 300 } };
    return { relay, farSide, destination: await open(farSide) };
  });

  test.runIf(isLong)(
    '20,000 events, ten kills of the worker: each is in the objects once',
    async () => {
      const farSide = await startBucket();
      opened.push(farSide.close);
      const { bucket, spool } = farSide.settings as Record<string, string>;
      const own = { bucket: bucket!, endpoint: fake.url, prefix, spool: spool! };
      const destination = {
        name: 'archive',
        settings: { type: 'gcs', ...own, flush_interval: '100ms' },
        arrives: 'exactly once' as const,
        count: farSide.spooled,
        ids: async () => {
          await farSide.untilUploaded();
          return (await farSide.lines()).map(idOf);
        },
      };
      const run = await deliverWhileKilled([destination], { events: 20_000, kills: 10 });
      expect(run.ids).toHaveLength(20_000);
      await expectAllArrived(run, [destination]);
    },
    600_000,
  );
});
