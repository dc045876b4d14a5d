import { expect, test } from 'vitest';

import { compare, createLedger, createPulse } from './ledger.ts';

function ledgerOf(...keys: readonly string[]) {
  const ledger = createLedger();
  for (const key of keys) {
    ledger.sent.add(key);
    ledger.acknowledged.set(key, `id-${key}`);
  }
  return ledger;
}

const whole = {
  log: ['a', 'b'],
  warehouse: [
    ['id-a', 'a'],
    ['id-b', 'b'],
  ],
  webhook: new Map([
    ['id-a', 'a'],
    ['id-b', 'b'],
  ]),
} as const;

test('nothing is lost or doubled where every place holds every event once', () => {
  expect(compare(ledgerOf('a', 'b'), whole)).toEqual({
    lost: { log: [], warehouse: [], webhook: [] },
    doubled: [],
  });
});

test('finds what each place lacks', () => {
  const ledger = ledgerOf('a', 'b');
  expect(compare(ledger, { ...whole, log: ['a'] }).lost.log).toEqual(['b']);
  expect(compare(ledger, { ...whole, warehouse: [['id-b', 'b']] }).lost.warehouse).toEqual(['a']);
  expect(compare(ledger, { ...whole, webhook: new Map() }).lost.webhook).toEqual(['a', 'b']);
  expect(compare(ledger, { ...whole, log: undefined }).lost.log).toEqual([]);
});

test('an event stored under another event_id than was answered is lost', () => {
  const other = [...whole.warehouse.slice(1), ['id-z', 'a']] as const;
  expect(compare(ledgerOf('a', 'b'), { ...whole, warehouse: other }).lost.warehouse).toEqual(['a']);
});

test('finds what a place holds twice, also without an acknowledgement', () => {
  const ledger = ledgerOf('a', 'b');
  ledger.acknowledged.delete('b');
  expect(compare(ledger, { ...whole, log: ['a', 'b', 'b'] }).doubled).toEqual(['b']);
  const webhook = new Map([...whole.webhook, ['id-z', 'a']]);
  expect(compare(ledger, { ...whole, webhook }).doubled).toEqual(['a']);
  const warehouse = [...whole.warehouse, ['id-z', 'b']] as const;
  expect(compare(ledger, { ...whole, warehouse }).doubled).toEqual(['b']);
});

test('the longest gap counts the time before the first beat and after the last', () => {
  const pulse = createPulse();
  const startedAt = performance.now();
  expect(pulse.longestGapMs(startedAt, startedAt + 500)).toBeCloseTo(500);
  pulse.beat();
  const gap = pulse.longestGapMs(startedAt - 300, startedAt + 5_000);
  expect(gap).toBeGreaterThan(4_500);
  expect(gap).toBeLessThan(5_001);
  expect(pulse.countSince(startedAt)).toBe(1);
});
