import { randomUUID } from 'node:crypto';

import { writeOpenContracts } from '../script/open-contracts.ts';

/** Contracts of events whose names differ, and nothing else of them. */

export const namesCount = 1_000;

const nameOf = (number: number): string => `thing${number}_completed`;

/** Writes a folder of contracts, one for each name. */
export function writeContracts(schemasDir: string): void {
  writeOpenContracts(
    schemasDir,
    Array.from({ length: namesCount }, (_, number) => nameOf(number)),
  );
}

/** Makes new events of about 450 bytes as JSON, spread evenly over the first `count` names. */
export function eventsOfNames(count: number): (from: number, to: number) => object[] {
  return (from, to) =>
    Array.from({ length: to - from }, (_, index) => ({
      event_name: nameOf((from + index) % count),
      user_id: `user-${(from + index).toString(16)}`,
      anonymous_id: 'device-51c0e7',
      idempotency_key: randomUUID(),
      properties: {
        order_id: 'A-1001-2026-03-01',
        total: 129.95,
        currency: 'EUR',
        payment_method: 'card',
        items: [{ sku: 'SKU-4711', quantity: 2, price: 52.15 }],
      },
      context: { library: { name: 'checkout', version: '4.2.0' }, page: '/checkout/done' },
    }));
}
