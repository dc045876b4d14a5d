import { readFileSync } from 'node:fs';

import { describe, expect, onTestFinished, test } from 'vitest';

import { eventContractsOf } from '../../src/validation/schema/event-contracts.ts';
import { loadRegistry } from '../../src/validation/schema-registry.ts';
import { deliveryOfEvent, never } from '../destinations/deliveries.ts';
import { whyNoPostgres } from '../destinations/postgres-server.ts';
import { startPostgresEngine, startSqliteEngine } from './engines.ts';

const page = readFileSync('docs/destinations/tables.md', 'utf8');
const queries = [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, text]) => text!);

const time = { timestamp: '2026-03-01T12:00:00.123Z', eventTime: '2026-03-01T12:00:00.123Z' };
const order = { order_id: 'A-1', total: 12.5, currency: 'EUR' };
const events = [
  { eventName: 'user_signed_up', schemaVersion: 1, properties: { method: 'email' } },
  { eventName: 'order_completed', schemaVersion: 2, properties: order },
  { eventName: 'order_completed', schemaVersion: 2, properties: { ...order, coupon: 7 } },
  { eventName: 'thing_seen', schemaVersion: 0 },
];

const engines = [
  ['SQLite', startSqliteEngine, undefined],
  ['PostgreSQL', startPostgresEngine, whyNoPostgres()],
] as const;

describe.each(engines)('%s', (_name, start, missing) => {
  test('answers the ten queries of the page as they are', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    expect(queries).toHaveLength(10);
    const engine = await start();
    onTestFinished(() => engine.close());
    const contracts = eventContractsOf(await loadRegistry('schemas'));
    const destination = await engine.open(() => contracts);
    const deliveries = events.map((event) => deliveryOfEvent({ ...time, userId: 'u-1', ...event }));
    const outcomes = await destination.deliver(deliveries, never);
    await destination.close();
    expect(outcomes.map(({ kind }) => kind)).toEqual(events.map(() => 'delivered'));
    for (const query of queries) {
      const rows = await engine.rows(query.replace(/;\s*$/, ''));
      expect([query, rows.length]).not.toEqual([query, 0]);
    }
    expect((await engine.rows(queries[1]!.replace(/;\s*$/, '')))[0]?.['revenue']).toMatch(
      /^25(\.0)?$/,
    );
  });
});
