import { expect, test } from 'vitest';

import { nextStep, type LedPartition } from './spread-leaders.ts';

const servers = ['a', 'b', 'c'];

/** One partition for each letter of its leader; every other server could lead it. */
const ledBy = (leaders: string): LedPartition[] =>
  [...leaders].map((leader, partition) => ({
    stream: `EVENTS_${partition}`,
    leader,
    followers: servers.filter((server) => server !== leader),
    lagging: [],
  }));

test.each(['', 'a', 'ab', 'abc', 'abcabc', 'aabbcca'])('%j is spread', (leaders) => {
  expect(nextStep(ledBy(leaders))).toBe('spread');
});

test.each(['aa', 'aaaa', 'aaaaaaaa', 'aabb', 'aaabbb', 'cccabab'])(
  '%j is spread move by move',
  (leaders) => {
    let partitions = ledBy(leaders);
    let moves = 0;
    for (let step = nextStep(partitions); step !== 'spread'; step = nextStep(partitions)) {
      if (step === 'wait') throw new Error('all servers have caught up');
      const { stream, from, to } = step;
      partitions = partitions.map((one) =>
        one.stream === stream
          ? {
              ...one,
              leader: to,
              followers: [...one.followers.filter((name) => name !== to), from],
            }
          : one,
      );
      moves += 1;
      expect(moves).toBeLessThanOrEqual(leaders.length);
    }
    const counts = servers.map((name) => partitions.filter(({ leader }) => leader === name).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  },
);

test('only a server that could lead now is chosen', () => {
  const partitions = ledBy('aaa').map((one) => ({ ...one, followers: ['b'] }));
  expect(nextStep(partitions)).toMatchObject({ from: 'a', to: 'b' });
  expect(nextStep(partitions.map((one) => ({ ...one, followers: [] })))).toBe('spread');
});

test('who would be next is waited for: a server that catches up, and a partition without a leader', () => {
  const catchingUp = ledBy('aaa').map((one) => ({ ...one, followers: [], lagging: ['b'] }));
  expect(nextStep(catchingUp)).toBe('wait');
  const [first, ...others] = ledBy('aaa');
  expect(nextStep([{ ...first!, leader: undefined }, ...others])).toBe('wait');
  expect(nextStep(ledBy('aab').map((one) => ({ ...one, followers: [], lagging: ['c'] })))).toBe(
    'wait',
  );
  expect(nextStep(ledBy('ab').map((one) => ({ ...one, followers: [], lagging: ['c'] })))).toBe(
    'spread',
  );
});
