import { randomUUID } from 'node:crypto';

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createClickhouseDestination } from '../../src/destinations/clickhouse/clickhouse.ts';
import { previewClickhouseTables } from '../../src/destinations/clickhouse/preview-tables.ts';
import { clickhouseDialect } from '../../src/destinations/clickhouse/typed-statements.ts';
import type { Destination, DestinationSettings } from '../../src/destinations/destination.ts';
import { fitValue } from '../../src/destinations/tables/fit-value.ts';
import { planTable, type TablePlan } from '../../src/destinations/tables/plan-table.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import { clickhouseSettings } from '../destinations/clickhouse-far-side.ts';
import {
  deliverPayloads as deliver,
  deliveryOf,
  never,
  readAll,
  storedEvent,
} from '../destinations/deliveries.ts';
import {
  comparable,
  contractOf,
  generatedHistory,
  payloadOf,
  propertyAt,
  stepsOf,
  withoutSpelling,
  type GeneratedEvent,
} from '../tables/generated-events.ts';
import { startEngine, whyNoEngine, type ClickhouseEngine } from './engine.ts';

const missing = whyNoEngine();
let engine: ClickhouseEngine;
let contracts: readonly EventContract[] = [];
const opened: Destination[] = [];

beforeAll(async () => {
  if (missing === undefined) engine = await startEngine();
});
afterAll(async () => {
  await Promise.all(opened.map((destination) => destination.close()));
  await engine?.stop();
});

function open(more: DestinationSettings = {}): Destination {
  const settings = clickhouseSettings(engine.port, { tables: 'per_event', timeout: 5000, ...more });
  const destination = createClickhouseDestination('w', settings, { contracts: () => contracts });
  opened.push(destination);
  return destination;
}

const asText = ({ columns }: TablePlan): string =>
  columns.map(({ name }) => `toString(\`${name}\`) AS \`${name}\``).join(', ');

async function checkRows(
  plan: TablePlan,
  sent: ReadonlyMap<string, GeneratedEvent>,
): Promise<void> {
  const columns = plan.columns.length === 0 ? '' : `, ${asText(plan)}`;
  const rows = await engine.ask<Record<string, string | null>>(
    `SELECT toString(event_id) AS headgate_id, properties AS headgate_properties,
       misfits AS headgate_misfits ${columns} FROM \`${plan.table}\` FINAL`,
  );
  expect(rows).toHaveLength(sent.size);
  for (const row of rows) {
    const { version, properties } = sent.get(row['headgate_id']!)!;
    const [held, wanted] = [row['headgate_properties']!, properties].map(withoutSpelling);
    expect(held).toBe(wanted);
    const misfits = JSON.parse(row['headgate_misfits'] ?? '[]') as string[];
    for (const { name, path, type, versions } of plan.columns) {
      const value = versions.includes(version) ? propertyAt(properties, path) : null;
      const fitting = fitValue(value, type);
      expect(fitting !== undefined || misfits.includes(name)).toBe(true);
      const wanted = misfits.includes(name) ? null : comparable(fitting ?? null, type);
      const held = row[name] ?? null;
      expect([name, held === null ? null : comparable(held, type)]).toEqual([name, wanted]);
    }
    expect(new Set(misfits).size).toBe(misfits.length);
  }
}

test.skipIf(missing !== undefined)(
  'what was sent reads back equal after every change of a contract, old rows and new',
  async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(generatedHistory, async (history) => {
        run += 1;
        const name = `history${run}_viewed`;
        const sent = new Map<string, GeneratedEvent>();
        const destination = open();
        for (const { contract, payloads } of stepsOf(name, history, sent)) {
          contracts = [contract];
          expect(new Set(await deliver(destination, ...payloads, payloads[0]!))).toEqual(
            new Set(['delivered']),
          );
          await checkRows(planTable(contract, { dialect: clickhouseDialect }), sent);
        }
      }),
      { numRuns: 10, endOnFailure: true },
    );
  },
);

test.skipIf(missing !== undefined)(
  'payloads as a gate stores them and payloads of another form become the same rows',
  async () => {
    const properties = { total: { type: 'number', multipleOf: 0.01 }, note: { type: 'string' } };
    contracts = [contractOf('form_sent', [{ type: 'object', properties }])];
    const destination = open();
    const stored = Array.from({ length: 1_200 }, (_, at) => ({
      ...storedEvent({ eventName: 'form_sent', userId: `user-${at}`, schemaVersion: 1 }),
      eventTime: '2026-03-01T11:59:59.500Z',
      properties: { total: at / 4, note: at % 3 === 0 ? 'a "word"' : 'käse', count: at },
    }));
    const deliveries = stored.map((event, at) => {
      const { eventId, eventName, source, timestamp, eventTime, ...rest } = event;
      const { userId, idempotencyKey, schemaVersion, properties: own, correlationId } = rest;
      const head = { eventId, eventName, source, timestamp, eventTime, userId, idempotencyKey };
      const asStored = { ...head, schemaVersion, properties: own, correlationId };
      // Every seventh is spaced, so it cannot be read where it is.
      return deliveryOf(JSON.stringify(asStored, undefined, at % 7 === 0 ? 1 : undefined));
    });
    const outcomes = await destination.deliver(deliveries, never);
    expect(outcomes).toEqual(deliveries.map(() => ({ kind: 'delivered' })));
    const rows = await engine.ask<Record<string, unknown>>(
      `SELECT toString(event_id) AS id, toString(event_time) AS time, toString(timestamp) AS taken, user_id, source,
         toInt32(schema_version) AS version, idempotency_key AS key, correlation_id, toInt32(sequence) AS sequence,
         JSONExtractInt(properties, 'count') AS count, toFloat64(total) AS total, note, misfits
       FROM form_sent FINAL ORDER BY sequence`,
    );
    expect(rows.map((row) => ({ ...row, count: Number(row['count']) }))).toEqual(
      stored.map((event, at) => ({
        id: event.eventId,
        time: '2026-03-01 11:59:59.500000000',
        taken: '2026-03-01 12:00:00.123000000',
        user_id: event.userId,
        source: 'checkout',
        version: 1,
        key: event.idempotencyKey,
        correlation_id: event.correlationId,
        sequence: deliveries[at]!.sequence,
        count: at,
        total: at / 4,
        note: event.properties.note,
        misfits: null,
      })),
    );
  },
);

test.skipIf(missing !== undefined)(
  'a changed type has a column of its own, and a view reads both',
  async () => {
    const versions = [
      {
        type: 'object',
        properties: { units: { type: 'integer' }, total: { type: 'number', multipleOf: 0.01 } },
      },
      { type: 'object', properties: { units: { type: 'string' } } },
    ];
    contracts = [contractOf('parcel_viewed', versions)];
    const destination = open();
    const first = payloadOf('parcel_viewed', {
      version: 1,
      properties: '{"units":7,"total":19.90}',
    });
    const second = payloadOf('parcel_viewed', { version: 2, properties: '{"units":"many"}' });
    expect(await deliver(destination, first, second, first)).toEqual(Array(3).fill('delivered'));
    const types = await engine.ask<{ name: string; type: string }>('DESCRIBE TABLE parcel_viewed');
    expect(types.map(({ name, type }) => `${name} ${type}`)).toEqual(
      expect.arrayContaining([
        'units Nullable(Int64)',
        'units_v2 Nullable(String)',
        'total Nullable(Decimal(38, 2))',
        "event_time Nullable(DateTime64(9, 'UTC'))",
        'event_id UUID',
      ]),
    );
    expect(await engine.ask('SELECT units FROM parcel_viewed_all ORDER BY units')).toEqual([
      { units: '7' },
      { units: 'many' },
    ]);
  },
);

test.skipIf(missing !== undefined)(
  'a column of every table that was added again is filled, though it may now be null',
  async () => {
    contracts = [
      contractOf('page_refilled', [{ type: 'object', properties: { n: { type: 'number' } } }]),
    ];
    const payloads = ['-0.5', '12345678901234567890.5', '1e-30'].map((n) =>
      payloadOf('page_refilled', { version: 1, properties: `{"n":${n}}` }),
    );
    expect(await deliver(open(), payloads[0]!)).toEqual(['delivered']);
    await engine.ask('ALTER TABLE page_refilled DROP COLUMN source').catch(() => []);
    expect(await deliver(open(), ...payloads.slice(1))).toEqual(['delivered', 'delivered']);
    const rows = await engine.ask(
      'SELECT toString(n) AS n, source FROM page_refilled ORDER BY sequence, n',
    );
    const { source } = JSON.parse(payloads[1]!) as { source: string };
    expect(rows).toHaveLength(3);
    expect(rows).toEqual(
      expect.arrayContaining([
        { n: '-0.5', source: null },
        { n: '12345678901234567890.5', source },
        { n: '0.000000000000000000000000000001', source },
      ]),
    );
  },
);

test.skipIf(missing !== undefined)(
  'events without a contract go to a table of theirs',
  async () => {
    contracts = [];
    const destination = open({ table_prefix: 'own_' });
    const names = ['Checkout: done', 'user_seen'];
    const payloads = names.map((name) => payloadOf(name, { version: 0, properties: '{"a":1}' }));
    expect(await deliver(destination, ...payloads)).toEqual(['delivered', 'delivered']);
    expect(
      await engine.ask('SELECT event_name, properties FROM own_unplanned_events FINAL ORDER BY 1'),
    ).toEqual(names.map((event_name) => ({ event_name, properties: '{"a":1}' })));
  },
);

test.skipIf(missing !== undefined)(
  'a table that somebody altered, or that is of another program, is a clear fault',
  async () => {
    contracts = [
      contractOf('page_left', [{ type: 'object', properties: { n: { type: 'integer' } } }]),
    ];
    const payload = payloadOf('page_left', { version: 1, properties: '{"n":1}' });
    const fault = (reason: string): unknown => [
      { kind: 'retry', fault: 'destination', reason: expect.stringContaining(reason) },
    ];
    await engine
      .ask('CREATE TABLE page_left (n Int64) ENGINE = MergeTree ORDER BY n')
      .catch(() => []);
    expect(await deliver(open(), payload)).toEqual(fault('belongs to another program'));
    await engine.ask('DROP TABLE page_left').catch(() => []);
    expect(await deliver(open(), payload)).toEqual(['delivered']);
    await engine.ask('ALTER TABLE page_left MODIFY COLUMN n Nullable(String)').catch(() => []);
    expect(
      await deliver(open(), payloadOf('page_left', { version: 1, properties: '{"n":2}' })),
    ).toEqual(fault('its column n is Nullable(String), and its contract makes it Nullable(Int64)'));
  },
);

test.skipIf(missing !== undefined)(
  'a view of somebody else stays as it is, and one of Headgate is made again',
  async () => {
    const versions = ['integer', 'string'].map((type) => ({
      type: 'object',
      properties: { n: { type } },
    }));
    contracts = [contractOf('page_shared', versions)];
    const payload = payloadOf('page_shared', { version: 1, properties: '{"n":1}' });
    await engine.ask('CREATE VIEW page_shared_all AS SELECT 42 AS answer').catch(() => []);
    expect(await deliver(open(), payload)).toMatchObject([
      { fault: 'destination', reason: expect.stringContaining('belongs to another program') },
    ]);
    expect(await engine.ask('SELECT * FROM page_shared_all')).toEqual([{ answer: 42 }]);
    await engine.ask('DROP VIEW page_shared_all').catch(() => []);
    for (const destination of [open(), open()]) {
      expect(await deliver(destination, payload)).toEqual(['delivered']);
      expect(await engine.ask('SELECT n FROM page_shared_all')).toEqual([{ n: '1' }]);
    }
  },
);

test.skipIf(missing !== undefined)(
  'the plan shows what a worker makes, and then only what is missing',
  async () => {
    const versions = ['integer', 'string'].map((type) => ({
      type: 'object',
      properties: { n: { type } },
    }));
    const settings = clickhouseSettings(engine.port, { tables: 'per_event', table_prefix: 'p_' });
    const planned = async (known: number): Promise<readonly string[]> => {
      contracts = [contractOf('page_planned', versions.slice(0, known))];
      const { tables, unread } = (await previewClickhouseTables('w', settings, contracts))!;
      expect(unread).toBeUndefined();
      expect(tables.map(({ fault }) => fault)).toEqual([undefined, undefined]);
      return tables.find(({ event }) => event === 'page_planned')!.statements;
    };
    const payload = payloadOf('page_planned', { version: 1, properties: '{"n":1}' });
    expect(await planned(1)).toEqual([
      expect.stringContaining('CREATE TABLE IF NOT EXISTS `p_page_planned` ('),
    ]);
    expect(await deliver(open({ table_prefix: 'p_' }), payload)).toEqual(['delivered']);
    expect(await planned(1)).toEqual([]);
    const rest = await planned(2);
    expect(rest).toEqual([
      'ALTER TABLE `p_page_planned` ADD COLUMN IF NOT EXISTS `n_v2` Nullable(String)',
      expect.stringContaining('CREATE OR REPLACE VIEW `p_page_planned_all` AS SELECT'),
    ]);
    for (const statement of rest) await engine.ask(statement).catch(() => []);
    expect(await planned(2)).toEqual([]);
  },
);

test.skipIf(missing !== undefined)('its indexes show no copy that FINAL hides', async () => {
  contracts = [contractOf('page_copied', [{ type: 'object', properties: {} }])];
  const destination = open();
  const first = storedEvent({ eventName: 'page_copied', userId: 'first', schemaVersion: 1 });
  const copy = { ...first, timestamp: '2026-04-01T00:00:00.000Z', userId: 'copy' };
  // Enough others, so that each part has granules that an index can skip.
  const others = Array.from({ length: 20_000 }, () =>
    JSON.stringify(storedEvent({ eventName: 'page_copied', schemaVersion: 1 })),
  );
  for (const event of [first, copy]) await deliver(destination, JSON.stringify(event));
  for (let at = 0; at < others.length; at += 2000) {
    await deliver(destination, ...others.slice(at, at + 2000));
  }
  const usersOf = (user: string): Promise<object[]> =>
    engine.ask(`SELECT user_id FROM page_copied FINAL WHERE user_id = '${user}'`);
  expect(await usersOf('copy')).toEqual([]);
  expect(await usersOf('first')).toEqual([{ user_id: 'first' }]);
});

test.skipIf(missing !== undefined)(
  'both tables have the event, and what they hold can be asked',
  async () => {
    const name = 'both_viewed';
    contracts = [contractOf(name, [{ type: 'object', properties: { n: { type: 'integer' } } }])];
    const table = `events_${randomUUID().slice(0, 8)}`;
    const destination = open({ tables: 'both', table, table_prefix: 'b_' });
    const payload = payloadOf(name, { version: 1, properties: '{"n":1}' });
    expect(await deliver(destination, payload, 'text')).toEqual([
      'delivered',
      expect.objectContaining({ kind: 'dead' }),
    ]);
    expect(await engine.ask(`SELECT n FROM b_${name}`)).toEqual([{ n: 1 }]);
    const window = { fromMs: 0, toMs: Date.UTC(2027, 0) };
    const { eventId } = JSON.parse(payload) as { eventId: string };
    expect(await readAll(destination.stored!(window))).toMatchObject([
      { eventId, eventName: name },
    ]);
    const typed = await readAll(open({ table_prefix: 'b_' }).stored!(window));
    expect(typed.filter((event) => event.eventId === eventId)).toHaveLength(1);
  },
);
