import * as fc from 'fast-check';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';

import {
  createDeltaSink,
  createDeltaSource,
  type CountedMetrics,
  type MetricDeltas,
} from './metric-deltas.ts';
import { countedFamiliesOf, createCounter, createHistogram } from './metric-families.ts';

function createProcess() {
  const registry = new Registry();
  const events = createCounter(registry, { name: 'events', help: 'e', labels: ['source', 'name'] });
  const plain = createHistogram(registry, {
    name: 'plain',
    help: 'p',
    labels: [],
    buckets: [1, 2],
  });
  const waits = createHistogram(registry, {
    name: 'waits',
    help: 'w',
    labels: ['door'],
    buckets: [0.5, 1],
  });
  const metrics: CountedMetrics = {
    families: countedFamiliesOf(registry),
    lastEvents: new Map([
      ['paid', 0],
      ['made', 0],
    ]),
  };
  const step = (what: Step): void => {
    if (what.kind === 'event') {
      events.series(what.source, what.name).value += what.count;
      metrics.lastEvents.set(what.name, what.at);
    } else if (what.kind === 'wait') {
      waits.series(what.door).observe(what.value);
      plain.series().observe(what.value);
    }
  };
  const text = async (): Promise<string> =>
    `${await registry.metrics()}${JSON.stringify([...metrics.lastEvents])}`;
  return { metrics, step, text };
}

/** Sums of 64ths are exact, so that totals can be compared to the last bit. */
const value = fc.integer({ min: 0, max: 200 }).map((number) => number / 64);

type Step =
  | { kind: 'event'; source: string; name: string; count: number; at: number }
  | { kind: 'wait'; door: string; value: number }
  | { kind: 'flush' }
  | { kind: 'deliver' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('event' as const),
    source: fc.constantFrom('a', ''),
    name: fc.constantFrom('paid', 'made'),
    count: fc.integer({ min: 1, max: 3 }),
    at: fc.integer({ min: 1, max: 1000 }),
  }),
  fc.record({ kind: fc.constant('wait' as const), door: fc.constantFrom('x', 'y'), value }),
  fc.constant({ kind: 'flush' as const }),
  fc.constant({ kind: 'deliver' as const }),
);

test('totals equal those of one process, however counting, reporting and adding interleave', async () => {
  const run = fc.array(fc.record({ who: fc.nat(2), what: step }), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(run, async (steps) => {
      const gates = [createProcess(), createProcess(), createProcess()];
      const sources = gates.map(({ metrics }) => createDeltaSource(metrics));
      const onTheirWay: MetricDeltas[][] = [[], [], []];
      const first = createProcess();
      const add = createDeltaSink(first.metrics);
      const alone = createProcess();

      const flush = (who: number): void => {
        const deltas = sources[who]!();
        // As over IPC: copied values.
        if (deltas !== undefined) onTheirWay[who]!.push(structuredClone(deltas));
      };
      const deliver = (who: number): void => {
        const deltas = onTheirWay[who]!.shift();
        if (deltas !== undefined) add(deltas);
      };
      // Time goes forward in each process, as events are accepted.
      let now = 0;
      for (const { who, what } of steps) {
        if (what.kind === 'flush') flush(who);
        else if (what.kind === 'deliver') deliver(who);
        else {
          now += 1;
          const timed = what.kind === 'event' ? { ...what, at: now } : what;
          gates[who]!.step(timed);
          alone.step(timed);
        }
      }
      for (const who of gates.keys()) {
        flush(who);
        while (onTheirWay[who]!.length > 0) deliver(who);
      }
      expect(sorted(await first.text())).toEqual(sorted(await alone.text()));
      for (const source of sources) expect(source()).toBeUndefined();
    }),
    { numRuns: 200 },
  );
});

test('totals never decrease, even if a process ends', () => {
  const first = createProcess();
  const add = createDeltaSink(first.metrics);
  for (const seconds of [10, 5]) {
    const gate = createProcess();
    const take = createDeltaSource(gate.metrics);
    gate.step({ kind: 'event', source: 'a', name: 'paid', count: 2, at: seconds });
    add(take()!);
  }
  const [events] = first.metrics.families;
  const shown = [...events!.all.values()].map((state) => ({
    labels: state.labels,
    value: 'value' in state ? state.value : undefined,
  }));
  expect(shown).toEqual([{ labels: { source: 'a', name: 'paid' }, value: 4 }]);
  expect(first.metrics.lastEvents.get('paid')).toBe(10);
});

test('sends only changed values', () => {
  const gate = createProcess();
  const take = createDeltaSource(gate.metrics);
  expect(take()).toBeUndefined();
  gate.step({ kind: 'event', source: 'a', name: 'paid', count: 1, at: 7 });
  gate.step({ kind: 'wait', door: 'x', value: 0 });
  expect(take()).toEqual({
    series: [
      { family: 'events', labels: ['a', 'paid'], grown: [1] },
      { family: 'plain', labels: [], grown: [1, 0, 0, 0] },
      { family: 'waits', labels: ['x'], grown: [1, 0, 0, 0] },
    ],
    lastEvents: [['paid', 7]],
  });
  gate.step({ kind: 'event', source: 'a', name: 'paid', count: 3, at: 7 });
  expect(take()).toEqual({
    series: [{ family: 'events', labels: ['a', 'paid'], grown: [3] }],
    lastEvents: [],
  });
});

/** Series are in the order in which they were first counted, which differs. */
function sorted(text: string): string[] {
  return text.split('\n').toSorted();
}
