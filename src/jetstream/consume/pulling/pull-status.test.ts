import { headers, type Msg } from '@nats-io/nats-core';
import { expect, test } from 'vitest';

import { readStatus, troubleOfSilence } from './pull-status.ts';

/** What nats-server 2.11 to 2.14 sends to the subject of a request. */
test.each([
  [100, 'Idle Heartbeat', { kind: 'heartbeat' }],
  [404, 'No Messages', { kind: 'ended' }],
  [408, 'Request Timeout', { kind: 'ended' }],
  [409, 'Message Size Exceeds MaxBytes', { kind: 'too small' }],
  [409, 'Leadership Change', { kind: 'moved' }],
  [409, 'Server Shutdown', { kind: 'moved' }],
  [409, 'Consumer Deleted', { kind: 'trouble', text: 'consumer_deleted' }],
  [409, 'Exceeded MaxWaiting', { kind: 'trouble', text: 'exceeded_limits' }],
  [503, 'No Responders', { kind: 'trouble', text: '' }],
  [400, 'Bad Request', { kind: 'trouble', text: '400 bad request' }],
])('%d %s', (code, description, status) => {
  expect(readStatus({ headers: headers(code, description) } as Msg)).toEqual(status);
});

test('a consumer or a stream that no longer exists is named', () => {
  expect(troubleOfSilence({ code: 10014 })).toBe('consumer_not_found');
  expect(troubleOfSilence({ code: 10059 })).toBe('stream_not_found');
  expect(troubleOfSilence(new Error('timeout'))).toBeUndefined();
});
