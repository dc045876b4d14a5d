import { expect, test } from 'vitest';

import type { Answer } from '../transport/transport.ts';
import { accepted, startSender, verdictsOn } from './started-sender.fixture.ts';

const hourMs = 3_600_000;

test.each(['unreachable', 'overloaded', 'not_a_gate'] as const)(
  'in an outage for all (%s) no request is halved to single events',
  async (reason) => {
    let isAway = true;
    const sizes: number[] = [];
    const away: Answer = { kind: 'retry', reason, message: 'away', afterMs: 0 };
    const { counts, messages, track, pass } = startSender((names) => {
      sizes.push(names.length);
      return isAway ? away : verdictsOn(names, () => accepted);
    });
    track('fine', 1_000);
    await pass(2 * hourMs);
    // After a timeout, requests get smaller: down to one event, but no event waits as a suspect.
    const most = reason === 'overloaded' ? 700 : 0;
    expect(sizes.filter((size) => size === 1).length).toBeLessThanOrEqual(most);
    expect(sizes.length).toBeLessThan(800);
    expect(sizes.filter((size) => size === 0).length).toBeGreaterThan(100);
    expect(messages).toEqual(['away']);
    isAway = false;
    await pass(31_000);
    expect(counts.accepted).toBe(1_000);
    expect(messages).toEqual(['away', 'recovered']);
  },
);

test('a request that fails alone is halved after an answer of the gate to an empty one', async () => {
  const message = 'HTTP 502';
  const { counts, track, pass } = startSender(
    (names) =>
      names.includes('poison')
        ? { kind: 'retry', reason: 'unreachable', message, afterMs: 0 }
        : verdictsOn(names, () => accepted),
    { inFlightMax: 1 },
  );
  track('fine', 50);
  track('poison', 1);
  track('fine', 49);
  await pass(120_000);
  expect(counts).toMatchObject({ accepted: 99, rejected: 0 });
});
