import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { createCounter, createGauge, createHistogram } from './metric-families.ts';

/** A page with sorted labels in each line; their order has no meaning. */
function canonical(page: string): string[] {
  return page
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const match = /^(\w+)\{(.*)\} (.*)$/.exec(line);
      if (match === null) return line;
      const labels = match[2]!.match(/\w+="(?:[^"\\]|\\.)*"/g)!.toSorted();
      return `${match[1]}{${labels.join()}} ${match[3]}`;
    })
    .toSorted();
}

const labelValues = fc.constantFrom('a', 'b', 'with "quotes"', 'back\\slash', 'new\nline', '');

describe('metric families compared with prom-client', () => {
  test('show counters the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(labelValues, labelValues, fc.nat(9)), { minLength: 1 }),
        async (counts) => {
          const options = { name: 'c_total', help: 'What is counted.', labels: ['x', 'y'] };
          const [ours, theirs] = [new Registry(), new Registry()];
          const family = createCounter(ours, options);
          const counter = new Counter({
            ...options,
            labelNames: options.labels,
            registers: [theirs],
          });
          for (const [x, y, by] of counts) {
            family.series(x, y).value += by;
            counter.inc({ x, y }, by);
          }
          expect(canonical(await ours.metrics())).toEqual(canonical(await theirs.metrics()));
        },
      ),
      { numRuns: 50 },
    );
  });

  test('show histograms the same, bounds included', async () => {
    const values = fc.oneof(
      fc.constantFrom(0, 0.1, 0.5, 1, 1.0000001, 99),
      fc.double({ min: 0, max: 3, noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(labelValues, values)), async (observations) => {
        const options = {
          name: 'h_seconds',
          help: 'How long.',
          labels: ['x'],
          buckets: [0.1, 0.5, 1],
        };
        const [ours, theirs] = [new Registry(), new Registry()];
        const family = createHistogram(ours, options);
        const histogram = new Histogram({
          ...options,
          labelNames: options.labels,
          registers: [theirs],
        });
        family.series('zero');
        histogram.zero({ x: 'zero' });
        for (const [x, value] of observations) {
          family.series(x).observe(value);
          histogram.observe({ x }, value);
        }
        expect(canonical(await ours.metrics())).toEqual(canonical(await theirs.metrics()));
      }),
      { numRuns: 50 },
    );
  });

  test('show gauges as they are at the scrape', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const options = { name: 'g', help: 'How many.', labels: ['x'] };
    let value = 1;
    createGauge(ours, options, () => [{ labels: ['a'], value }]);
    const gauge = new Gauge({ ...options, labelNames: options.labels, registers: [theirs] });
    value = -2.5;
    gauge.set({ x: 'a' }, -2.5);
    expect(canonical(await ours.metrics())).toEqual(canonical(await theirs.metrics()));
    expect(ours.contentType).toBe(theirs.contentType);
  });

  test('refuse a series with labels missing or too many', () => {
    const family = createCounter(new Registry(), { name: 'c', help: 'h', labels: ['x', 'y'] });
    expect(() => family.series('a')).toThrow(/takes the labels x, y/);
    expect(() => family.series('a', 'b', 'c')).toThrow(/takes the labels x, y/);
    expect(family.series('a', 'b')).toBe(family.series('a', 'b'));
  });
});
