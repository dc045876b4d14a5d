import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import { errors, NoRespondersError, RequestError } from '@nats-io/nats-core';
import { expect, test } from 'vitest';

import { logFailureOf, ReadTimeoutError } from './log-failure.ts';
import { PublishError } from './publish/publish-error.ts';

const noResponders = new RequestError('no responders', { cause: new NoRespondersError('$JS.API') });

test.each([
  [new PublishError('timeout', 'x'), 'the log did not answer in time'],
  [new ReadTimeoutError('EVENTS was not read within 5000 ms'), 'EVENTS was not read'],
  [
    new JetStreamApiError({ code: 404, err_code: 10059, description: 'stream not found' }),
    'stream',
  ],
  [new JetStreamError('bad request'), 'bad request'],
  [new errors.ClosedConnectionError(), 'closed connection'],
  [noResponders, 'no responders'],
  // The client wraps it in a class that it does not export.
  [new Error('jetstream is not enabled', { cause: noResponders }), 'jetstream is not enabled'],
])('%s is a failure of the log', (error, text) => {
  expect(logFailureOf(error)).toContain(text);
});

test.each([
  new Error('anything'),
  new TypeError('x is undefined'),
  new errors.InvalidArgumentError('name is required'),
  new errors.InvalidSubjectError('a b'),
  new Error('wrapped', { cause: new TypeError('x') }),
  'text',
  undefined,
])('%s is not a failure of the log', (error) => {
  expect(logFailureOf(error)).toBeUndefined();
});
