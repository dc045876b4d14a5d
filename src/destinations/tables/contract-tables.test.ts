import { expect, test } from 'vitest';
import type { StoredEvent } from '../../event/stored-event.ts';
import { contractWaitMs, createContractTables } from './contract-tables.ts';

const dialect = { nameBytesMax: 63, typeOf: ({ kind }: { kind: string }): string => kind };
const schema = { type: 'object', properties: { a: { type: 'string' } } };
const contract = { name: 'order_completed', schemas: [schema] };

function eventOf(schemaVersion: number | undefined, timestamp: number): StoredEvent {
  const event = { eventName: 'order_completed', timestamp: new Date(timestamp).toISOString() };
  return { ...event, ...(schemaVersion !== undefined && { schemaVersion }) } as StoredEvent;
}

test('an event of an unknown version waits for a minute, and not a moment more', () => {
  let now = 5000;
  const tables = createContractTables({ dialect }, () => now);
  tables.use([contract]);
  const event = eventOf(2, Date.now() + contractWaitMs);
  const expectVersion = (): void => tables.expectVersion(event);
  expect(expectVersion).toThrow('waiting for version 2 of the contract of "order_completed"');
  now += contractWaitMs - 1;
  expect(expectVersion).toThrow('this process knows 1');
  now += 1;
  expect(expectVersion).not.toThrow();
});

test('it waits for nothing if it is older, has no version, or one that is known', () => {
  const tables = createContractTables({ dialect });
  tables.use([contract]);
  const now = Date.now();
  for (const event of [
    eventOf(2, now - contractWaitMs),
    eventOf(1, now),
    eventOf(undefined, now),
  ]) {
    expect(() => tables.expectVersion(event)).not.toThrow();
  }
  expect(() => tables.expectVersion(eventOf(2, now))).toThrow('version 2');
  tables.use([{ ...contract, schemas: [schema, schema] }]);
  expect(() => tables.expectVersion(eventOf(2, now))).not.toThrow();
});

test('a plan is made again only if its contract is another', () => {
  const tables = createContractTables({ dialect });
  tables.use([contract]);
  const plan = tables.planOf('order_completed');
  tables.use([contract, { name: 'other_seen', schemas: [] }]);
  expect(tables.planOf('order_completed')).toBe(plan);
  tables.use([{ ...contract }]);
  expect(tables.planOf('order_completed')).not.toBe(plan);
  tables.use([]);
  expect(tables.planOf('order_completed')).toBeUndefined();
  expect(tables.planWithout('order_completed')).toMatchObject({ table: plan?.table, columns: [] });
});
