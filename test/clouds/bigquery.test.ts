import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';

import { createBigqueryDestination } from '../../src/destinations/bigquery/bigquery.ts';
import { bigqueryType } from '../../src/destinations/bigquery/type.ts';
import type {
  Destination,
  DestinationSettings,
  DestinationType,
} from '../../src/destinations/destination.ts';
import { describeDestination } from '../destinations/conformance.ts';
import { deliverAll, deliveryOfEvent, never } from '../destinations/deliveries.ts';
import { deliverWhileKilled, expectAllArrived } from '../destinations/killed-worker.ts';
import { startRelay } from '../destinations/relay.ts';
import { startRealService } from '../real-service.ts';
import {
  bigquerySettings,
  idOf,
  journalFolder,
  project,
  removeJournals,
  startBigqueryFarSide,
  startFakeBigquery,
  type BigqueryDataset,
  type FakeBigquery,
} from './bigquery-far-side.ts';
import { bigqueryProgram, whyNoFake } from './engine-folder.ts';
import { sendPageViewed } from './page-viewed.ts';

const isLong = process.env['CLOUDS'] === 'long';
/** The contract of the events of the suite. */
const contracts = [{ name: 'order_completed', schemas: [{}, {}] }];
const withContracts: DestinationType = {
  ...bigqueryType,
  create: (name, settings) => bigqueryType.create(name, settings, { contracts: () => contracts }),
};

const delivered = { kind: 'delivered' };

describe.skipIf(whyNoFake(bigqueryProgram) !== undefined)('with a fake of BigQuery', () => {
  let fake: FakeBigquery;
  beforeAll(async () => {
    vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
    fake = await startFakeBigquery();
  });
  afterAll(async () => {
    await fake?.stop();
    removeJournals();
    vi.unstubAllEnvs();
  });
  const open = (settings: DestinationSettings): Destination => {
    const destination = createBigqueryDestination('w', settings);
    onTestFinished(() => destination.close());
    return destination;
  };
  const idsIn = async (dataset: BigqueryDataset): Promise<string[]> =>
    (await dataset.rows('events')).map(idOf);

  const modes = isLong ? (['events', 'both', 'per_event'] as const) : (['both'] as const);
  describe.each(modes)('tables: %s', (tables) => {
    describeDestination(withContracts, () => startBigqueryFarSide(fake, tables), [
      'partial_failure',
      'lost_answer',
    ]);
  });

  test('an event of a real service is a row', async () => {
    const dataset = fake.createDataset();
    const { endpoint, storage_endpoint, journal } = bigquerySettings(fake, dataset.id);
    const far = {
      type: 'bigquery',
      project,
      dataset: dataset.id,
      journal,
      endpoint,
      storage_endpoint,
    };
    await using gate = await startRealService({
      yaml: JSON.stringify({ destinations: { warehouse: { ...far, tables: 'both' } } }),
    });
    const key = await sendPageViewed(gate.url);
    await expect.poll(() => dataset.count('page_viewed')).toBe(1);
    expect(await dataset.rows('page_viewed')).toMatchObject([{ idempotency_key: key, title: 'A' }]);
    expect(await dataset.rows('events')).toMatchObject([{ idempotency_key: key, user_id: 'u-1' }]);
  });

  test('rows whose answer was lost are stored once, whoever gets their events again', async () => {
    const dataset = fake.createDataset();
    const relay = await startRelay(fake.port);
    onTestFinished(() => relay.close());
    const journal = journalFolder();
    const settings = bigquerySettings({ ...fake, port: relay.port }, dataset.id, {
      journal,
      timeout: 300,
    });
    const [one, other] = [open(settings), open(settings)];
    const batches = Array.from({ length: 4 }, () =>
      Array.from({ length: 5 }, () => deliveryOfEvent()),
    );
    expect(await one.deliver([deliveryOfEvent()], never)).toEqual([delivered]);
    relay.loseAnswers();
    for (const batch of batches) {
      const [outcome] = await one.deliver(batch, never);
      expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination' });
    }
    relay.thaw();
    // The other process gets them in batches of another kind, and new ones among them.
    const again = [...batches.flat().toReversed(), deliveryOfEvent()];
    expect(await other.deliver(again, never)).toEqual(again.map(() => delivered));
    expect(await one.deliver(again, never)).toEqual(again.map(() => delivered));
    const ids = await idsIn(dataset);
    expect(ids).toHaveLength(22);
    expect(new Set(ids).size).toBe(22);
  });

  test('rows that never arrived go to a new stream if theirs is gone', async () => {
    const dataset = fake.createDataset();
    const relay = await startRelay(fake.port);
    onTestFinished(() => relay.close());
    const destination = open(
      bigquerySettings({ ...fake, port: relay.port }, dataset.id, { timeout: 300 }),
    );
    const batches = [[deliveryOfEvent()], [deliveryOfEvent(), deliveryOfEvent()]] as const;
    expect(await destination.deliver(batches[0], never)).toEqual([delivered]);
    await relay.close();
    expect(await destination.deliver(batches[1], never)).toMatchObject([
      { kind: 'retry' },
      { kind: 'retry' },
    ]);
    await fake.forgetStreams();
    await relay.listen();
    const all = [...batches.flat(), deliveryOfEvent()];
    expect(await destination.deliver(all, never)).toEqual(all.map(() => delivered));
    expect((await idsIn(dataset)).sort()).toEqual(all.map((one) => one.event().eventId).sort());
  });

  test('a table that was dropped is made again, and takes what was not written', async () => {
    const dataset = fake.createDataset();
    const relay = await startRelay(fake.port);
    onTestFinished(() => relay.close());
    const settings = bigquerySettings({ ...fake, port: relay.port }, dataset.id, { timeout: 300 });
    const destination = open(settings);
    await destination.deliver([deliveryOfEvent()], never);
    await relay.close();
    const lost = deliveryOfEvent();
    await destination.deliver([lost], never);
    await relay.listen();
    await dataset.drop('events');
    const kinds: string[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const [outcome] = await destination.deliver([lost], never);
      kinds.push(outcome!.kind);
    }
    expect(kinds).toEqual(['retry', 'delivered', 'delivered']);
    expect(await idsIn(dataset)).toEqual([lost.event().eventId]);
  });

  test('a dropped table keeps no event that goes to another table by now', async () => {
    const dataset = fake.createDataset();
    const relay = await startRelay(fake.port);
    onTestFinished(() => relay.close());
    const more = { timeout: 300, tables: 'per_event' };
    const settings = bigquerySettings({ ...fake, port: relay.port }, dataset.id, more);
    let known: typeof contracts = [];
    const destination = createBigqueryDestination('w', settings, { contracts: () => known });
    onTestFinished(() => destination.close());
    const unversioned = { schemaVersion: 0 };
    await destination.deliver([deliveryOfEvent(unversioned)], never);
    await relay.close();
    const lost = deliveryOfEvent(unversioned);
    await destination.deliver([lost], never);
    await relay.listen();
    await dataset.drop('unplanned_events');
    known = contracts;
    const kinds: string[] = [];
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const [outcome] = await destination.deliver([lost], never);
      kinds.push(outcome!.kind);
    }
    expect(kinds).toEqual(['retry', 'delivered']);
    expect((await dataset.rows('order_completed')).map(idOf)).toEqual([lost.event().eventId]);
  });

  test('events of any size that fits are in requests that BigQuery takes', async () => {
    const dataset = fake.createDataset();
    const destination = open(bigquerySettings(fake, dataset.id, { timeout: 5_000 }));
    const sizes = [8_990_000, 5_000_000, 3_000_000, 3_000_000, 10, 10];
    const batch = sizes.map((size) => deliveryOfEvent({ properties: { text: 'x'.repeat(size) } }));
    const outcomes = await deliverAll(destination, batch);
    expect(outcomes).toEqual(batch.map(() => delivered));
    expect(await idsIn(dataset)).toEqual(batch.map((one) => one.event().eventId));
  });

  test('a dataset that does not exist is a fault of the destination, and says so', async () => {
    const destination = open(bigquerySettings(fake, 'missing'));
    const outcomes = await deliverAll(destination, [deliveryOfEvent(), deliveryOfEvent()]);
    for (const outcome of outcomes) {
      const reason = 'BigQuery did not take it: 404 Not found: Dataset missing';
      expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination', reason });
    }
  });

  const [events, kills] = isLong ? [20_000, 10] : [400, 1];
  test(`${events} events, ${kills} kills of two workers: each is one row`, async () => {
    const datasets = [fake.createDataset(), fake.createDataset()];
    const destinations = datasets.map((dataset, index) => {
      const { endpoint, storage_endpoint, journal } = bigquerySettings(fake, dataset.id);
      const table = index === 0 ? 'events' : 'order_completed';
      return {
        name: index === 0 ? 'all' : 'typed',
        settings: {
          type: 'bigquery',
          project,
          dataset: dataset.id,
          journal: String(journal),
          endpoint: String(endpoint),
          storage_endpoint: String(storage_endpoint),
          tables: index === 0 ? 'events' : 'both',
        },
        arrives: 'exactly once' as const,
        count: () => dataset.count(table),
        ids: async () => (await dataset.rows(table)).map(idOf),
      };
    });
    const env = { METADATA_SERVER_DETECTION: 'none' };
    const run = await deliverWhileKilled(destinations, { events, kills, env, workers: 2 });
    expect(run.ids).toHaveLength(events);
    await expectAllArrived(run, destinations);
    expect((await idsIn(datasets[1]!)).sort()).toEqual(run.ids.toSorted());
  }, 600_000);
});
