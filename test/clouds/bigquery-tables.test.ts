import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';

import { createBigqueryDestination } from '../../src/destinations/bigquery/bigquery.ts';
import { bigqueryDialect } from '../../src/destinations/bigquery/columns.ts';
import type { Destination, DestinationSettings } from '../../src/destinations/destination.ts';
import { fitValue } from '../../src/destinations/tables/fit-value.ts';
import type { TablePlan } from '../../src/destinations/tables/plan-table.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import { readTime } from '../../src/event/time/time-text.ts';
import { deliverPayloads as deliver, storedEvent } from '../destinations/deliveries.ts';
import {
  comparable,
  contractOf,
  payloadOf,
  propertyAt,
  withoutSpelling,
  type GeneratedEvent,
} from '../tables/generated-events.ts';
import {
  bigquerySettings,
  idOf,
  removeJournals,
  startFakeBigquery,
  type BigqueryDataset,
  type FakeBigquery,
} from './bigquery-far-side.ts';
import { readBackHistories } from './delivered-histories.ts';
import { bigqueryProgram, whyNoFake } from './engine-folder.ts';

let fake: FakeBigquery;
let contracts: readonly EventContract[] = [];

function open(dataset: BigqueryDataset, more: DestinationSettings = {}): Destination {
  const settings = bigquerySettings(fake, dataset.id, { tables: 'per_event', ...more });
  const destination = createBigqueryDestination('w', settings, { contracts: () => contracts });
  onTestFinished(() => destination.close());
  return destination;
}

const toMicroseconds = (time: string): string | undefined =>
  readTime(time.replace(/(\.\d{6})\d+/, '$1'));

async function checkRows(
  dataset: BigqueryDataset,
  plan: TablePlan,
  sent: ReadonlyMap<string, GeneratedEvent>,
): Promise<void> {
  const rows = await dataset.rows(plan.table);
  expect(rows).toHaveLength(sent.size);
  for (const row of rows) {
    const { version, properties } = sent.get(idOf(row))!;
    expect(withoutSpelling(String(row['properties']))).toBe(withoutSpelling(properties));
    const misfits = JSON.parse(String(row['misfits'] ?? '[]')) as string[];
    for (const { name, path, type, versions } of plan.columns) {
      const value = versions.includes(version) ? propertyAt(properties, path) : null;
      const fitting = fitValue(value, type);
      expect(fitting !== undefined || misfits.includes(name)).toBe(true);
      const wanted = misfits.includes(name) ? null : comparable(fitting ?? null, type);
      const held = row[name] === undefined ? null : String(row[name]);
      const isTime = type.kind === 'timestamp';
      const read = (text: string): unknown => (isTime ? readTime(text) : comparable(text, type));
      const expected = isTime && wanted !== null ? toMicroseconds(wanted) : wanted;
      expect([name, held === null ? null : read(held)]).toEqual([name, expected]);
    }
  }
}

describe.skipIf(whyNoFake(bigqueryProgram) !== undefined)('typed tables, with a fake', () => {
  beforeAll(async () => {
    vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
    fake = await startFakeBigquery();
  });
  afterAll(async () => {
    await fake?.stop();
    removeJournals();
    vi.unstubAllEnvs();
  });

  test('what was sent reads back equal after every change of a contract, each event once', async () => {
    const dataset = fake.createDataset();
    const destination = open(dataset);
    const numRuns = 20;
    const run = await readBackHistories(
      {
        dialect: bigqueryDialect,
        use: (contract) => void (contracts = [contract]),
        deliver: (...payloads) => deliver(destination, ...payloads),
        checkRows: (plan, sent) => checkRows(dataset, plan, sent),
      },
      numRuns,
    );
    expect(run).toBe(numRuns);
  });

  test('an event has a table of its own with a partition a day, a changed type a column of its own', async () => {
    const dataset = fake.createDataset();
    const destination = open(dataset, { tables: 'both', table_prefix: 'hg_' });
    const total = { type: 'number', multipleOf: 0.01 };
    const first = { type: 'object', properties: { units: { type: 'integer' }, total } };
    const second = { type: 'object', properties: { units: { type: 'string' } } };
    contracts = [contractOf('parcel_viewed', [first])];
    const properties = '{"units":7,"total":19.90}';
    await deliver(destination, payloadOf('parcel_viewed', { version: 1, properties }));
    contracts = [contractOf('parcel_viewed', [first, second])];
    const later = payloadOf('parcel_viewed', { version: 2, properties: '{"units":"many"}' });
    await deliver(destination, later, payloadOf('Other: seen', { version: 0, properties: '{}' }));
    expect(await dataset.rows('hg_parcel_viewed')).toMatchObject([
      { units: '7', total: '19.9', event_time: '2026-03-01T12:00:00.123000Z' },
      { units_v2: 'many' },
    ]);
    expect(await dataset.count('hg_unplanned_events')).toBe(1);
    expect(await dataset.count('events')).toBe(3);
    const table = await dataset.table('hg_parcel_viewed');
    expect(table).toMatchObject({ timePartitioning: { type: 'DAY', field: 'timestamp' } });
    // Without its contract an event stays in its table.
    contracts = [];
    await deliver(destination, payloadOf('parcel_viewed', { version: 2, properties: '{}' }));
    expect(await dataset.count('hg_parcel_viewed')).toBe(3);
    const events = await dataset.table('events');
    expect(events).toMatchObject({ clustering: { fields: ['event_name'] } });
  });

  test('columns that BigQuery cannot hold a value in are named in misfits', async () => {
    const dataset = fake.createDataset();
    const schema = {
      type: 'object',
      properties: {
        exact: { type: 'number' },
        whole: { type: 'integer', maximum: 1e60 },
        at: { type: 'string', format: 'date-time' },
        day: { type: 'string', format: 'date' },
      },
    };
    contracts = [contractOf('wide_viewed', [schema])];
    const properties =
      '{"exact":1e-39,"whole":1e50,"at":"0000-01-01T00:00:00Z","day":"9999-12-31"}';
    const fitting =
      '{"exact":-0.00000000000000000000000000000000000001,"whole":99999999999999999999999999999999999999,"at":"0001-01-01T00:00:00Z","day":"0001-01-01"}';
    const destination = open(dataset);
    const payloads = [properties, fitting].map((text) =>
      payloadOf('wide_viewed', { version: 1, properties: text }),
    );
    expect(await deliver(destination, ...payloads)).toEqual(['delivered', 'delivered']);
    expect(await dataset.rows('wide_viewed')).toMatchObject([
      { misfits: '["at","exact","whole"]', day: '9999-12-31' },
      {
        exact: '-0.00000000000000000000000000000000000001',
        whole: '99999999999999999999999999999999999999',
        at: '0001-01-01T00:00:00.000000Z',
        day: '0001-01-01',
      },
    ]);
  });

  test('a table of another program, and a column of another type, make events wait', async () => {
    const dataset = fake.createDataset();
    await dataset.create('taken_viewed', [{ name: 'a', type: 'STRING' }]);
    const description = 'Events "other_viewed", written by Headgate.';
    await dataset.create('other_viewed', [{ name: 'event_id', type: 'INTEGER' }], description);
    contracts = ['taken_viewed', 'other_viewed'].map((name) => contractOf(name, [{}]));
    const destination = open(dataset);
    const payloads = contracts.map(({ name }) => payloadOf(name, { version: 1, properties: '{}' }));
    const good = payloadOf('good_viewed', { version: 0, properties: '{}' });
    const fault = { kind: 'retry', fault: 'destination' };
    expect(await deliver(destination, ...payloads, good)).toMatchObject([
      { ...fault, reason: expect.stringContaining('taken_viewed belongs to another program') },
      { ...fault, reason: expect.stringContaining('its column event_id is INTEGER') },
      'delivered',
    ]);
  });

  test('an event of a version that is not known yet waits', async () => {
    const dataset = fake.createDataset();
    contracts = [contractOf('parcel_viewed', [{}])];
    const destination = open(dataset);
    const timestamp = new Date().toISOString();
    const event = storedEvent({ eventName: 'parcel_viewed', schemaVersion: 2, timestamp });
    const reason = expect.stringContaining('waiting for version 2 of the contract');
    expect(await deliver(destination, JSON.stringify(event))).toMatchObject([{ reason }]);
    contracts = [contractOf('parcel_viewed', [{}, {}])];
    expect(await deliver(destination, JSON.stringify(event))).toEqual(['delivered']);
  });

  test('two processes add the columns of two versions at once', async () => {
    const dataset = fake.createDataset();
    const schemas = Array.from({ length: 6 }, (_, index) => ({
      type: 'object',
      properties: { [`p_${index}`]: { type: 'string' } },
    }));
    const destinations = schemas.map((_, index) => {
      const known = [contractOf('raced_viewed', schemas.slice(0, index + 1))];
      const settings = bigquerySettings(fake, dataset.id, { tables: 'per_event' });
      const destination = createBigqueryDestination('w', settings, { contracts: () => known });
      onTestFinished(() => destination.close());
      return destination;
    });
    const outcomes = await Promise.all(
      destinations.map((destination, index) =>
        deliver(destination, payloadOf('raced_viewed', { version: index + 1, properties: '{}' })),
      ),
    );
    expect(outcomes.flat()).toEqual(schemas.map(() => 'delivered'));
    const { schema } = (await dataset.table('raced_viewed')) as {
      schema: { fields: { name: string }[] };
    };
    const names = schema.fields.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(schemas.map((_, index) => `p_${index}`)));
    expect(new Set(names).size).toBe(names.length);
  });
});
