import { afterEach, describe, expect, test, vi } from 'vitest';

import { answerWhole, limitCases, served } from './limit-cases.fixture.ts';
import { defaultLimits } from './limits.ts';
import { openRawServer } from './raw-peer.fixture.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('every limit has its case', () => {
  expect(Object.keys(limitCases)).toEqual(Object.keys(defaultLimits));
});

describe.each(Object.entries(limitCases))('%s', (name, limitCase) => {
  const { rule, limit, step = 1, others, onStream = answerWhole, movesClock } = limitCase;

  test.each([
    ['as much as the limit is served', limit, limit, served],
    [`one more is refused (${rule})`, limit, limit + step, limitCase.refusal],
    ['which is served where the limit is one more', limit + step, limit + step, served],
  ])('%s', async (_what, max, amount, outcome) => {
    if (movesClock)
      vi.useFakeTimers({
        toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
      });
    await using server = await openRawServer(onStream, { ...others, [name]: max });
    expect(await limitCase.put(server, amount)).toBe(outcome);
    expect(server.faults).toEqual([]);
  });
});
