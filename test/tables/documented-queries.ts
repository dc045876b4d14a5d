import { readFileSync } from 'node:fs';

import { expect } from 'vitest';

import type { Destination } from '../../src/destinations/destination.ts';
import type { ContractsInForce } from '../../src/event/contracts/event-contract.ts';
import { eventContractsOf } from '../../src/validation/schema/event-contracts.ts';
import { loadRegistry } from '../../src/validation/schema-registry.ts';
import { deliveryOfEvent, never } from '../destinations/deliveries.ts';

const page = readFileSync('docs/destinations/analysts.md', 'utf8');
const queries = [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, text]) => text!);

/** The lines of a block of the page, by a pattern for its beginning: `SET final`. */
export function documentedSetup(first: string): string[] {
  const [, block] = new RegExp(`\`\`\`\\n(${first}.*?)\`\`\``, 's').exec(page)!;
  return block!.trim().split('\n');
}

const time = { timestamp: '2026-03-01T12:00:00.123Z', eventTime: '2026-03-01T12:00:00.123Z' };
const earlier = { eventTime: '2026-03-01T11:59:00.000Z' };
const order = { order_id: 'A-1', total: 12.5, currency: 'EUR' };
const events = [
  { eventName: 'user_signed_up', schemaVersion: 1, properties: { method: 'email' }, ...earlier },
  { eventName: 'order_completed', schemaVersion: 2, properties: order },
  { eventName: 'order_completed', schemaVersion: 2, properties: { ...order, coupon: 7 } },
  { eventName: 'thing_seen', schemaVersion: 0 },
];

/** Where the queries are asked. */
export interface AskedTables {
  open(contracts: ContractsInForce): Promise<Destination>;
  /** After the events are there. */
  rows(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/** The queries of docs/destinations/analysts.md answer as they are: none is empty. */
export async function checkQueries(tables: AskedTables): Promise<void> {
  expect(queries).toHaveLength(10);
  const contracts = eventContractsOf(await loadRegistry('schemas'));
  const destination = await tables.open(() => contracts);
  const deliveries = events.map((event) => deliveryOfEvent({ ...time, userId: 'u-1', ...event }));
  const outcomes = await destination.deliver(deliveries, never);
  await destination.close();
  expect(outcomes.map(({ kind }) => kind)).toEqual(events.map(() => 'delivered'));
  const answers: (readonly Readonly<Record<string, unknown>>[])[] = [];
  for (const query of queries) answers.push(await tables.rows(query.replace(/;\s*$/, '')));
  expect(queries.filter((_query, at) => answers[at]!.length === 0)).toEqual([]);
  // The union lists the orders first, and is sorted as a whole.
  expect(answers[4]!.map((row) => row['event_name'])).toEqual([
    'user_signed_up',
    'order_completed',
    'order_completed',
  ]);
  expect(String(answers[1]![0]?.['revenue'])).toMatch(/^25(\.0*)?$/);
}
