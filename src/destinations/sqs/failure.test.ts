import { expect, test } from 'vitest';

import { ofWholeRequest, outcomeOfEntry, outcomeOfRequest } from './failure.ts';

const fault = { kind: 'retry', fault: 'destination' } as const;

test.each([
  ['InvalidMessageContents', true, { kind: 'dead', status: 'InvalidMessageContents' }],
  ['InvalidParameterValue', true, { kind: 'dead' }],
  ['AWS.SimpleQueueService.BatchRequestTooLong', true, { kind: 'dead' }],
  // SQS says of these too that the sender caused them.
  ['ThrottlingException', true, fault],
  ['RequestThrottled', true, fault],
  ['KmsAccessDenied', true, fault],
  ['AccessDenied', true, fault],
  ['AWS.SimpleQueueService.NonExistentQueue', true, fault],
  ['InternalFailure', false, fault],
  ['InvalidParameterValue', false, fault],
  ['Unheard', true, { kind: 'retry', fault: 'event', status: 'Unheard' }],
])('a message refused with %s (by the sender: %s)', (code, isSenders, outcome) => {
  const failed = { Id: '0', Code: code, SenderFault: isSenders, Message: 'why' };
  expect(outcomeOfEntry(failed)).toMatchObject(outcome);
  expect(outcomeOfEntry(failed)).toMatchObject({ reason: expect.stringContaining(': why') });
});

function errorOf(name: string, message = 'why'): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: 400 } });
}

test.each([
  ['BatchRequestTooLong', { kind: 'dead' }],
  ['InvalidMessageContents', { kind: 'dead' }],
  ['QueueDoesNotExist', { ...fault, status: '400' }],
  ['RequestThrottled', fault],
  ['CredentialsProviderError', fault],
  ['InvalidParameterValue', fault],
  ['TimeoutError', { ...fault, reason: 'SQS gave no answer within 5 ms' }],
])('a request that failed with %s', (name, outcome) => {
  expect(outcomeOfRequest(errorOf(name), 5)).toMatchObject(outcome);
});

test('the reason is short, and does not quote a signed request', () => {
  const long = outcomeOfRequest(errorOf('X', 'y'.repeat(5_000)), 5);
  expect(JSON.stringify(long).length).toBeLessThan(500);
  const signed = outcomeOfRequest(errorOf('SignatureDoesNotMatch', 'AKIA and the request'), 5);
  expect(JSON.stringify(signed)).not.toContain('AKIA');
});

test('missing credentials are reported with the ways to give them', () => {
  const error = errorOf(
    'CredentialsProviderError',
    'Could not load credentials from any providers',
  );
  expect(outcomeOfRequest(error, 5)).toMatchObject({
    reason: expect.stringMatching(/no credentials.*AWS_ACCESS_KEY_ID.*AWS_PROFILE.*role/),
  });
});

test('only if every message failed for the queue, the whole request did', () => {
  const one = { ...fault, reason: 'why' };
  expect(ofWholeRequest([one, one])).toBe(one);
  expect(ofWholeRequest([one, { kind: 'delivered' }])).toEqual([one, { kind: 'delivered' }]);
  const ofEvent = { ...one, fault: 'event' } as const;
  expect(ofWholeRequest([ofEvent, ofEvent])).toEqual([ofEvent, ofEvent]);
});
