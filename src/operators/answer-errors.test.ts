import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { TimeoutError } from '@nats-io/nats-core';
import { expect, test } from 'vitest';

import { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import { TailService } from '../../gen/headgate/v1/tail_service_pb.ts';
import { errorCodes, errorEntry, ServiceError } from '../errors.ts';
import { ReadTimeoutError } from '../jetstream/log-failure.ts';
import { PublishError } from '../jetstream/publish/publish-error.ts';
import { answerErrors } from './answer-errors.ts';

type Reported = readonly [rpc: string, code: string, correlationId: string, message: string];

/** Fails every call with `thrown`: a unary call at once, a stream after its first message. */
async function answersTo(thrown: unknown) {
  const reported: Reported[] = [];
  const transport = createRouterTransport(
    (router) => {
      router.service(EventLogService, {
        readEvents: () => {
          throw thrown;
        },
      });
      router.service(TailService, {
        tail: async function* () {
          yield { what: { case: 'leftOut', value: 1n } };
          throw thrown;
        },
      });
    },
    {
      router: {
        interceptors: [
          answerErrors({
            operatorRequestFailed: (rpc, code, correlationId, error) =>
              void reported.push([rpc, code, correlationId, error.message]),
          }),
        ],
      },
    },
  );
  const headers = { 'x-correlation-id': 'c-1' };
  const unary = createClient(EventLogService, transport).readEvents({}, { headers });
  const messages = createClient(TailService, transport).tail({}, { headers });
  const stream = (async () => {
    for await (const { what } of messages) expect(what.case).toBe('leftOut');
  })();
  const [one, other] = await Promise.allSettled([unary, stream]);
  const errors = [one, other].map((end) => (end as PromiseRejectedResult).reason as ConnectError);
  expect(errors[1]).toMatchObject({ code: errors[0]!.code, rawMessage: errors[0]!.rawMessage });
  return { error: errors[0]!, reported };
}

const rpcs = ['headgate.v1.EventLogService/ReadEvents', 'headgate.v1.TailService/Tail'];

test.each(errorCodes)('%s has the code and the text of the table', async (code) => {
  const { error, reported } = await answersTo(new ServiceError(code, 'Of this very case.'));
  expect(error.code).toBe(errorEntry(code).grpc || Code.Unknown);
  expect(error.rawMessage).toBe(`Of this very case. ${errorEntry(code).text}`);
  expect(reported).toEqual(rpcs.map((rpc) => [rpc, code, 'c-1', 'Of this very case.']));
});

test.each([
  [new PublishError('stream_full', 'maximum bytes exceeded (10077)'), 'the log is full'],
  [new ReadTimeoutError('EVENTS was not read within 5000 ms'), 'was not read within'],
  [new TimeoutError(), 'timeout'],
])('%s becomes a failure of the log, with its reason', async (thrown, why) => {
  const { error, reported } = await answersTo(thrown);
  expect(error.code).toBe(Code.Unavailable);
  expect(error.rawMessage).toContain(why);
  expect(error.rawMessage).toContain(errorEntry('log_unavailable').text);
  expect(reported.map(([, code]) => code)).toEqual(['log_unavailable', 'log_unavailable']);
});

test.each([new TypeError('password is hunter2'), 'hunter2', undefined])(
  '%s is an error of ours, reported in the log alone',
  async (thrown) => {
    const { error, reported } = await answersTo(thrown);
    expect(error.code).toBe(Code.Internal);
    expect(error.rawMessage).toBe(`${errorEntry('internal').text} Correlation id: c-1.`);
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    expect(reported).toEqual(rpcs.map((rpc) => [rpc, 'internal', 'c-1', message]));
  },
);

test('passes an error of the library unchanged', async () => {
  const { error, reported } = await answersTo(new ConnectError('too late', Code.DeadlineExceeded));
  expect(error).toMatchObject({ code: Code.DeadlineExceeded, rawMessage: 'too late' });
  expect(reported).toEqual([]);
});
