import { expect, test } from 'vitest';

import { leaderToMove, type LedPartition } from './spread-leaders.ts';

const servers = ['a', 'b', 'c'];

/** One partition for each letter of its leader; every other server could lead it. */
const ledBy = (leaders: string): LedPartition[] =>
  [...leaders].map((leader, partition) => ({
    stream: `EVENTS_${partition}`,
    leader,
    followers: servers.filter((server) => server !== leader),
  }));

test.each(['', 'a', 'ab', 'abc', 'abcabc', 'aabbcca'])('%j is spread', (leaders) => {
  expect(leaderToMove(ledBy(leaders))).toBeUndefined();
});

test.each(['aa', 'aaaa', 'aaaaaaaa', 'aabb', 'aaabbb', 'cccabab'])(
  '%j is spread move by move',
  (leaders) => {
    let partitions = ledBy(leaders);
    let moves = 0;
    for (let move = leaderToMove(partitions); move !== undefined; move = leaderToMove(partitions)) {
      const { stream, from, to } = move;
      partitions = partitions.map((one) =>
        one.stream === stream
          ? {
              stream,
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
  expect(leaderToMove(partitions)).toMatchObject({ from: 'a', to: 'b' });
  expect(leaderToMove(partitions.map((one) => ({ ...one, followers: [] })))).toBeUndefined();
});
