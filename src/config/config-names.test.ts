import { describe, expect, it } from 'vitest';

import { read } from './read-config.fixture.ts';

/** Counts. Their names say what they count, so they have no unit. */
const counts = new Set(['processes', 'log.partitions', 'retry.attempts']);

const config = read({
  file: `
canary: { interval: 10s }
webhooks:
  shop: { provider: stripe, secret: whsec_0123456789, events: { order.paid: order_completed } }
destinations:
  warehouse: { type: sqlite, path: ./x.db, retry: { max_age: 1d } }
`,
});

/** The paths of all numbers of a value, except ports: `limits.requestBytesMax`. */
function numbersOf(value: unknown, path = ''): string[] {
  if (typeof value === 'number') return [path];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value)
    .filter(([name]) => !['port', 'settings'].includes(name))
    .flatMap(([name, member]) => {
      const isList = Array.isArray(value);
      return numbersOf(member, isList || path === '' ? (isList ? path : name) : `${path}.${name}`);
    });
}

describe('the numbers of the configuration', () => {
  const numbers = numbersOf(config).map((path) => path.replace(/^(destinations|webhooks)\./, ''));

  it('are durations, sizes and counts of every part', () => {
    expect(numbers).toEqual(
      expect.arrayContaining([
        'processes',
        'limits.requestBytesMax',
        'canary.intervalMs',
        'toleranceMs',
        'retry.maxAgeMs',
        'ackWaitMs',
      ]),
    );
  });

  it('have names that end in their unit, optionally followed by Max or Min', () => {
    const unit = /(Ms|Bytes|Events|connections)(Max|Min)?$/;
    expect(numbers.filter((path) => !counts.has(path) && !unit.test(path))).toEqual([]);
  });
});
