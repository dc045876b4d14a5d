import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import type { Destination, DestinationSettings } from '../../src/destinations/destination.ts';
import { snowflakeDialect, textOf } from '../../src/destinations/snowflake/columns.ts';
import { createSnowflakeDestination } from '../../src/destinations/snowflake/snowflake.ts';
import { fitValue } from '../../src/destinations/tables/fit-value.ts';
import type { LogicalType } from '../../src/destinations/tables/logical-type.ts';
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
import { readBackHistories } from './delivered-histories.ts';
import { snowflakeProgram, whyNoFake } from './engine-folder.ts';
import {
  idOf,
  removeSpools,
  snowflakeSettings,
  startFakeSnowflake,
  type FakeSchema,
  type FakeSnowflake,
} from './snowflake-far-side.ts';

const isLong = process.env['CLOUDS'] === 'long';
let fake: FakeSnowflake;
let contracts: readonly EventContract[] = [];

function open(schema: FakeSchema, more: DestinationSettings = {}): Destination {
  const settings = snowflakeSettings(fake.port, schema.schema, {
    tables: 'per_event',
    timeout: 20_000,
    ...more,
  });
  const destination = createSnowflakeDestination('w', settings, { contracts: () => contracts });
  onTestFinished(() => destination.close());
  return destination;
}

/** DuckDB has microseconds, where Snowflake has nanoseconds. */
const toMicroseconds = (time: string): string | undefined =>
  readTime(
    time
      .replace(/(\.\d{6})\d+/, '$1')
      .replace(' ', 'T')
      .replace(/\+00$/, 'Z'),
  );

/** What of a value both ways of writing it have in common. */
function readerOf(type: LogicalType): (text: string) => unknown {
  if (type.kind === 'timestamp') return toMicroseconds;
  return snowflakeDialect.typeOf(type) === 'VARIANT'
    ? withoutSpelling
    : (text) => comparable(text, type);
}

async function checkRows(
  schema: FakeSchema,
  plan: TablePlan,
  sent: ReadonlyMap<string, GeneratedEvent>,
): Promise<void> {
  const rows = await schema.rows(plan.table);
  expect(rows).toHaveLength(sent.size);
  for (const row of rows) {
    const { version, properties } = sent.get(idOf(row))!;
    expect(withoutSpelling(String(row['PROPERTIES']))).toBe(withoutSpelling(properties));
    const misfits = JSON.parse(String(row['MISFITS'] ?? '[]')) as string[];
    for (const { name, path, type, versions } of plan.columns) {
      const value = versions.includes(version) ? propertyAt(properties, path) : null;
      const fitting = fitValue(value, type);
      const isHeld = fitting !== undefined && textOf(fitting, type) !== undefined;
      expect([name, misfits.includes(name)]).toEqual([name, !isHeld]);
      const wanted = isHeld ? comparable(fitting, type) : null;
      const held = row[name.toUpperCase()] ?? null;
      const read = readerOf(type);
      expect([name, held === null ? null : read(held)]).toEqual([
        name,
        wanted === null ? null : read(String(wanted)),
      ]);
    }
  }
}

describe.skipIf(whyNoFake(snowflakeProgram) !== undefined)('typed tables, with a fake', () => {
  beforeAll(async () => {
    fake = await startFakeSnowflake();
  });
  afterAll(async () => {
    await fake?.stop();
    removeSpools();
  });

  test('what was sent reads back equal after every change of a contract, each event once', async () => {
    const schema = fake.createSchema();
    const destination = open(schema);
    const numRuns = isLong ? 20 : 5;
    const run = await readBackHistories(
      {
        dialect: snowflakeDialect,
        use: (contract) => void (contracts = [contract]),
        deliver: (...payloads) => deliver(destination, ...payloads),
        checkRows: (plan, sent) => checkRows(schema, plan, sent),
      },
      numRuns,
    );
    expect(run).toBe(numRuns);
  });

  test('an event has a table of its own, a changed type a column of its own', async () => {
    const schema = fake.createSchema();
    const destination = open(schema, { tables: 'both', table_prefix: 'hg_' });
    const total = { type: 'number', multipleOf: 0.01 };
    const first = { type: 'object', properties: { units: { type: 'integer' }, total } };
    const second = { type: 'object', properties: { units: { type: 'string' } } };
    contracts = [contractOf('parcel_viewed', [first])];
    const properties = '{"units":7,"total":19.90}';
    await deliver(destination, payloadOf('parcel_viewed', { version: 1, properties }));
    contracts = [contractOf('parcel_viewed', [first, second])];
    const later = payloadOf('parcel_viewed', { version: 2, properties: '{"units":"many"}' });
    await deliver(destination, later, payloadOf('Other: seen', { version: 0, properties: '{}' }));
    expect(await schema.rows('hg_parcel_viewed')).toMatchObject([
      { UNITS: '7', TOTAL: '19.90', EVENT_TIME: '2026-03-01 12:00:00.123+00' },
      { UNITS_V2: 'many' },
    ]);
    expect(await schema.count('hg_unplanned_events')).toBe(1);
    expect(await schema.count('events')).toBe(3);
    // Without its contract an event stays in its table.
    contracts = [];
    await deliver(destination, payloadOf('parcel_viewed', { version: 2, properties: '{}' }));
    expect(await schema.count('hg_parcel_viewed')).toBe(3);
  });

  test('an event that was stored without a contract stays where it is', async () => {
    const schema = fake.createSchema();
    const destination = open(schema);
    contracts = [];
    const early = payloadOf('parcel_viewed', { version: 0, properties: '{}' });
    await deliver(destination, early);
    contracts = [contractOf('parcel_viewed', [{}])];
    const late = payloadOf('parcel_viewed', { version: 1, properties: '{}' });
    expect(await deliver(destination, early, late)).toEqual(['delivered', 'delivered']);
    const idIn = (payload: string): unknown => (JSON.parse(payload) as { eventId: string }).eventId;
    expect((await schema.rows('unplanned_events')).map(idOf)).toEqual([idIn(early)]);
    expect((await schema.rows('parcel_viewed')).map(idOf)).toEqual([idIn(late)]);
  });

  test('numbers at the limits of their columns are exact, and those beyond are in misfits', async () => {
    const schema = fake.createSchema();
    const property = {
      exact: { type: 'number' },
      whole: { type: 'integer', maximum: 1e60 },
      id: { type: 'integer' },
      cents: { type: 'number', multipleOf: 0.01 },
    };
    contracts = [contractOf('wide_viewed', [{ type: 'object', properties: property }])];
    const beyond =
      '{"exact":1e-19,"whole":100000000000000000000000000000000000000,"id":9223372036854775808,"cents":1e36}';
    const fitting =
      '{"exact":-99999999999999999999.000000000000000001,"whole":99999999999999999999999999999999999999,"id":-9223372036854775808,"cents":999999999999999999999999999999999999.99}';
    const payloads = [beyond, fitting].map((properties) =>
      payloadOf('wide_viewed', { version: 1, properties }),
    );
    expect(await deliver(open(schema), ...payloads)).toEqual(['delivered', 'delivered']);
    const [first, second] = await schema.rows('wide_viewed');
    expect(JSON.parse(String(first!['MISFITS'])).sort()).toEqual(['cents', 'exact', 'id', 'whole']);
    expect(second).toMatchObject({
      EXACT: '-99999999999999999999.000000000000000001',
      WHOLE: '99999999999999999999999999999999999999',
      ID: '-9223372036854775808',
      CENTS: '999999999999999999999999999999999999.99',
      MISFITS: null,
    });
  });

  test('a table of another program, and a column of another type, make their events wait', async () => {
    const schema = fake.createSchema();
    // The first login makes the schema.
    await deliver(open(schema), payloadOf('first_viewed', { version: 0, properties: '{}' }));
    await schema.sql('CREATE TABLE {schema}.TAKEN_VIEWED (A VARCHAR)');
    contracts = ['taken_viewed', 'other_viewed'].map((name) => contractOf(name, [{}]));
    const destination = open(schema);
    const payloads = contracts.map(({ name }) => payloadOf(name, { version: 1, properties: '{}' }));
    expect(await deliver(destination, payloads[1]!)).toEqual(['delivered']);
    await schema.sql('ALTER TABLE {schema}.OTHER_VIEWED ALTER SOURCE TYPE INTEGER USING 1');
    const good = payloadOf('good_viewed', { version: 0, properties: '{}' });
    const fault = { kind: 'retry', fault: 'destination' };
    expect(await deliver(open(schema), ...payloads, good)).toMatchObject([
      { ...fault, reason: expect.stringContaining('taken_viewed belongs to another program') },
      { ...fault, reason: expect.stringContaining('its column source is') },
      'delivered',
    ]);
  });

  test('an event of a version that is not known yet waits, and no other', async () => {
    const schema = fake.createSchema();
    contracts = [contractOf('parcel_viewed', [{}])];
    const destination = open(schema);
    const timestamp = new Date().toISOString();
    const event = storedEvent({ eventName: 'parcel_viewed', schemaVersion: 2, timestamp });
    const good = payloadOf('good_viewed', { version: 0, properties: '{}' });
    const reason = expect.stringContaining('waiting for version 2 of the contract');
    const outcomes = await deliver(destination, JSON.stringify(event), good);
    expect(outcomes).toMatchObject([{ reason }, 'delivered']);
    contracts = [contractOf('parcel_viewed', [{}, {}])];
    expect(await deliver(destination, JSON.stringify(event))).toEqual(['delivered']);
  });

  test('two processes add the columns of two versions at once', async () => {
    const schema = fake.createSchema();
    const schemas = Array.from({ length: 4 }, (_, index) => ({
      type: 'object',
      properties: { [`p_${index}`]: { type: 'string' } },
    }));
    const destinations = schemas.map((_, index) => {
      const known = [contractOf('raced_viewed', schemas.slice(0, index + 1))];
      const settings = snowflakeSettings(fake.port, schema.schema, {
        tables: 'per_event',
        timeout: 20_000,
      });
      const destination = createSnowflakeDestination('w', settings, { contracts: () => known });
      onTestFinished(() => destination.close());
      return destination;
    });
    const outcomes = await Promise.all(
      destinations.map((destination, index) =>
        deliver(
          destination,
          payloadOf('raced_viewed', { version: index + 1, properties: `{"p_${index}":"x"}` }),
        ),
      ),
    );
    expect(outcomes.flat()).toEqual(schemas.map(() => 'delivered'));
    const rows = await schema.rows('raced_viewed');
    const values = rows.flatMap((row) => schemas.map((_, index) => row[`P_${index}`]));
    expect(values.filter((value) => value === 'x')).toHaveLength(schemas.length);
  });
});
