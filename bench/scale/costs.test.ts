import { describe, expect, it } from 'vitest';

import { boundsOf, costsOf, medianCosts, type Costs } from './costs.ts';
import type { Step } from './step.ts';
import { perEvent, type Role, type Usage, type Watched } from './usage.ts';

const usage = (role: Role, us: number, more: Partial<Usage> = {}): Usage => ({
  role,
  us,
  loopUs: us,
  diskBytes: 0,
  ...more,
});

const costs = (over: Partial<Costs>): Costs => ({
  partitions: 1,
  processes: 1,
  storedPerSecond: 1,
  deliveredPerSecond: 1,
  gatesUs: 10,
  storingUs: 60,
  deliveringUs: 40,
  workersUs: 10,
  allUs: 120,
  busiestNodeUs: 50,
  busiestGateUs: 10,
  busiestWorkerUs: 10,
  idleNodeShare: 0,
  diskBytes: 0,
  routedBytes: 0,
  ...over,
});

it('takes off what a process uses anyway, in the time that the work took', () => {
  const idle: Watched = { seconds: 2, used: [usage('nats', 1_000)] };
  const work: Watched = { seconds: 10, used: [usage('nats', 25_000, { diskBytes: 4_000 })] };
  expect(perEvent(work, idle, 1_000)).toEqual([{ role: 'nats', us: 20, loopUs: 20, diskBytes: 4 }]);
});

it('adds up the roles, and finds the busiest of each', () => {
  const used = (gates: number[], nats: number[], workers: number[]) => [
    ...gates.map((us) => usage('gate', us, { loopUs: us / 2 })),
    ...nats.map((us) => usage('nats', us, { diskBytes: us * 10 })),
    ...workers.map((us) => usage('worker', us)),
  ];
  const step: Step = {
    partitions: 4,
    processes: 2,
    leads: [2, 1, 1],
    storedBytes: 876,
    counts: { sent: 1, stored: 1, delivered: 1, repeated: 0 },
    intake: { perSecond: 100, routedBytes: 1_700, used: used([4, 6], [10, 20, 30], [99, 99]) },
    delivery: { perSecond: 200, routedBytes: 600, used: used([99, 99], [25, 5, 6], [3, 2]) },
    idle: { seconds: 2, used: used([0, 0], [30_000, 60_000, 90_000], [0, 0]) },
  };
  expect(costsOf(step)).toEqual({
    partitions: 4,
    processes: 2,
    storedPerSecond: 100,
    deliveredPerSecond: 200,
    gatesUs: 10,
    storingUs: 60,
    deliveringUs: 36,
    workersUs: 5,
    allUs: 111,
    busiestNodeUs: 36,
    busiestGateUs: 3,
    busiestWorkerUs: 3,
    // (30 + 60 + 90) ms / 3 nodes / 2 s
    idleNodeShare: 0.03,
    // (350 + 250 + 360) / 3
    diskBytes: 320,
    routedBytes: 2_300,
  });
});

it('takes the median of each figure', () => {
  const rounds = [costs({ allUs: 9, gatesUs: 1 }), costs({ allUs: 7 }), costs({ allUs: 8 })];
  expect(medianCosts(rounds)).toEqual(costs({ allUs: 8 }));
});

describe('the limits of a curve', () => {
  const good = [
    costs({}),
    costs({ partitions: 4, allUs: 140, busiestNodeUs: 36 }),
    costs({ partitions: 4, processes: 4, busiestGateUs: 4, busiestWorkerUs: 4 }),
    costs({ partitions: 8, allUs: 155, busiestNodeUs: 36 }),
  ];
  const broken = (curve: readonly Costs[]) =>
    boundsOf(curve).flatMap(({ name, holds }) => (holds ? [] : [name]));
  const withLast = (over: Partial<Costs>) => [...good.slice(0, 3), { ...good[3]!, ...over }];
  const withMany = (over: Partial<Costs>) => [
    ...good.slice(0, 2),
    { ...good[2]!, ...over },
    good[3]!,
  ];

  it.each([
    ['all hold', good, []],
    [
      'more partitions cost too much',
      withLast({ allUs: 157 }),
      ['CPU of an event, 8 partitions : 1'],
    ],
    [
      'one node does as much as before',
      withLast({ busiestNodeUs: 44 }),
      ['share of the busiest of three nodes, 8 partitions'],
    ],
    ['gates share nothing', withMany({ busiestGateUs: 8 }), ['busiest gate, 4 gates : 1']],
    ['workers share nothing', withMany({ busiestWorkerUs: 8 }), ['busiest worker, 4 workers : 1']],
    [
      'a figure is missing',
      withMany({ busiestWorkerUs: Number.NaN }),
      ['busiest worker, 4 workers : 1'],
    ],
  ])('%s', (_what, curve, names) => {
    expect(boundsOf(curve)).toHaveLength(4);
    expect(broken(curve)).toEqual(names);
  });

  it('are those of the measured steps', () => {
    expect(boundsOf([costs({})])).toEqual([]);
    expect(boundsOf([costs({}), costs({ partitions: 2 })]).map(({ name }) => name)).toEqual([
      'CPU of an event, 2 partitions : 1',
    ]);
  });
});
