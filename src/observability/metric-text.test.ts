import { setImmediate as nextTurn } from 'node:timers/promises';

import { Gauge, Registry } from 'prom-client';
import { expect, test } from 'vitest';

import { createCounter, createGauge, createHistogram } from './metric-families.ts';
import { renderMetrics } from './metric-text.ts';
import { createMetrics } from './metrics.ts';

async function textOf(parts: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const part of parts) text += part;
  return text;
}

test('the page equals the one that prom-client renders', async () => {
  const registry = new Registry();
  const odd = ['plain', 'with "quotes"', 'back\\slash', 'new\nline', '', 'ü'];
  const counter = createCounter(registry, {
    name: 'c_total',
    help: 'A\\B\nC.',
    labels: ['x', 'y'],
  });
  odd.forEach((value, index) => (counter.series(value, 'y').value += index * 0.1));
  const histogram = createHistogram(registry, {
    name: 'h_seconds',
    help: 'How long.',
    labels: ['x'],
    buckets: [0.1, 1],
  });
  for (const value of odd)
    for (const seconds of [0.05, 0.5, 5]) histogram.series(value).observe(seconds);
  const values = [Number.NaN, Infinity, -Infinity, 1e21, -0.5];
  createGauge(registry, { name: 'g', help: 'How many.', labels: ['x'] }, () =>
    values.map((value, index) => ({ labels: [String(index)], value })),
  );
  createGauge(registry, { name: 'none', help: 'Without labels.', labels: [] }, () => [
    { labels: [], value: 1 },
  ]);
  new Gauge({ name: 'theirs', help: 'Made by prom-client.', registers: [registry] }).set(3);
  expect(await textOf(renderMetrics(registry))).toBe(await registry.metrics());
});

test('rendering 100,000 series lets the event loop turn, and holds small parts', async () => {
  const names = (word: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${word}_${index}`);
  const { registry } = createMetrics({
    sources: names('source', 50),
    eventNames: names('event', 200),
    destinations: [],
  });
  let turns = 0;
  let isDone = false;
  const counting = (async () => {
    while (!isDone) {
      await nextTurn();
      turns += 1;
    }
  })();
  const lengths: number[] = [];
  for await (const part of renderMetrics(registry)) lengths.push(part.length);
  isDone = true;
  await counting;
  expect(lengths.reduce((sum, length) => sum + length)).toBeGreaterThan(5_000_000);
  expect(Math.max(...lengths)).toBeLessThan(128 * 1024);
  // In one piece it would be one turn.
  expect(turns).toBeGreaterThan(5);
});
