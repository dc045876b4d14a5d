import { expect, test } from 'vitest';

import { outcomeOfRequest } from './failure.ts';

const fault = { kind: 'retry', fault: 'destination' } as const;

test.each([
  [3, { kind: 'dead', status: 'INVALID_ARGUMENT', reason: 'Pub/Sub refused the message: why' }],
  [4, { ...fault, reason: 'Pub/Sub gave no answer within 5 ms' }],
  [5, { ...fault, status: 'NOT_FOUND', reason: 'Pub/Sub did not take it: NOT_FOUND: why' }],
  [7, { ...fault, status: 'PERMISSION_DENIED' }],
  [8, { ...fault, status: 'RESOURCE_EXHAUSTED' }],
  [9, { ...fault, status: 'FAILED_PRECONDITION' }],
  [14, { ...fault, status: 'UNAVAILABLE' }],
  [16, { ...fault, status: 'UNAUTHENTICATED' }],
  [99, { ...fault, reason: 'Pub/Sub did not take it: why' }],
  [undefined, { ...fault, reason: 'Pub/Sub did not take it: why' }],
])('a request that failed with the code %s', (code, outcome) => {
  const error = Object.assign(new Error('why'), { code });
  expect(outcomeOfRequest(error, 5)).toMatchObject(outcome);
});

test('the reason is short', () => {
  const long = outcomeOfRequest(new Error('y'.repeat(5_000)), 5);
  expect(JSON.stringify(long).length).toBeLessThan(500);
});
