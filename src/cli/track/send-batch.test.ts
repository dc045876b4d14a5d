import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';

import { ErrorInfoSchema, RetryInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { EventResult_Status as Status } from '../../../gen/headgate/v1/event_result_pb.ts';
import { TrackService } from '../../../gen/headgate/v1/track_service_pb.ts';
import { sendBatch } from './send-batch.ts';
import { createLedger } from './ledger.ts';
import type { LineEvent } from './line.ts';

type OutgoingDetail = NonNullable<ConstructorParameters<typeof ConnectError>[3]>[number];

/** Answers each call: the names of the events, and how many calls there were before. */
type Gate = (names: readonly string[], calls: number) => Status[] | ConnectError;

async function send(names: readonly string[], gate: Gate, retryForMs = 2_000, hasKey = true) {
  const calls: string[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(TrackService, {
      batchTrack: ({ events }) => {
        const sent = events.map(({ eventName }) => eventName);
        const answer = gate(sent, calls.length);
        calls.push(sent.join(''));
        if (answer instanceof ConnectError) throw answer;
        return { results: answer.map((status, index) => ({ index, status })) };
      },
    });
  });
  const ledger = createLedger(undefined);
  const stops: string[] = [];
  const troubles: string[] = [];
  const controller = new AbortController();
  await sendBatch(
    {
      client: {
        url: 'http://gate',
        hasKey,
        service: createClient(TrackService, transport),
        [Symbol.dispose]: () => {},
      },
      ledger,
      retryForMs,
      validateOnly: false,
      historical: false,
      stopped: controller.signal,
      stop: (sentence) => {
        stops.push(sentence);
        controller.abort();
      },
      onTrouble: (sentence) => void troubles.push(sentence),
    },
    names.map(lineOf),
  );
  return { calls, counts: ledger.counts, byCode: ledger.byCode, stops, troubles };
}

function lineOf(name: string, index: number): LineEvent {
  const line = { number: index + 1, bytes: Buffer.from(name), isTooLong: false };
  return { line, idempotencyKey: name, message: { eventName: name } };
}

function refusal(code: Code, reason: string, ...more: OutgoingDetail[]): ConnectError {
  const info = { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason }) };
  return new ConnectError(reason, code, undefined, [info, ...more]);
}

const retryIn = (ms: number): OutgoingDetail => ({
  desc: RetryInfoSchema,
  value: create(RetryInfoSchema, { retryDelay: { nanos: ms * 1_000_000 } }),
});

const allAccepted = (names: readonly string[]): Status[] => names.map(() => Status.ACCEPTED);

describe('sendBatch', () => {
  it('sends only events with the status retry again', async () => {
    const { calls, counts } = await send(['a', 'b', 'c', 'd'], (names, call) =>
      call === 0
        ? [Status.ACCEPTED, Status.RETRY, Status.REJECTED, Status.RETRY]
        : allAccepted(names),
    );
    expect(calls).toEqual(['abcd', 'bd']);
    expect(counts).toMatchObject({ accepted: 3, rejected: 1, givenUp: 0 });
  });

  it.each([Code.Unavailable, Code.DeadlineExceeded, Code.Aborted, Code.Canceled, Code.Internal])(
    'tries again after code %d',
    async (code) => {
      const answer = await send(['a', 'b'], (names, call) =>
        call < 2 ? new ConnectError('gone', code) : allAccepted(names),
      );
      expect(answer.calls).toEqual(['ab', 'ab', 'ab']);
      expect(answer.counts).toMatchObject({ accepted: 2, givenUp: 0 });
      expect(answer.troubles).toHaveLength(2);
    },
  );

  it('waits as long as the gate asks', async () => {
    const startedAt = performance.now();
    await send(['a'], (names, call) =>
      call === 0 ? refusal(Code.Unavailable, 'overloaded', retryIn(400)) : allAccepted(names),
    );
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(395);
  });

  it('splits batches for a gate with smaller limits', async () => {
    const { calls, counts } = await send(['a', 'b', 'c', 'd', 'e'], (names) =>
      names.length > 2 ? refusal(Code.ResourceExhausted, 'too_many_events') : allAccepted(names),
    );
    expect(calls).toEqual(['abcde', 'abc', 'ab', 'c', 'de']);
    expect(counts).toMatchObject({ accepted: 5, rejected: 0 });
  });

  it('finds the event that causes the refusal of a request', async () => {
    const { counts, byCode, stops } = await send(['a', 'b', 'x', 'd'], (names) =>
      names.includes('x') ? refusal(Code.InvalidArgument, 'malformed_request') : allAccepted(names),
    );
    expect(counts).toMatchObject({ accepted: 3, rejected: 1 });
    expect([...byCode]).toEqual([['malformed_request', 1]]);
    expect(stops).toEqual([]);
  });

  it.each([
    [Code.Unauthenticated, 'does not know the write key'],
    [Code.PermissionDenied, 'refuses'],
    [Code.Unimplemented, 'is not a gate'],
  ])('ends the run after code %d, which a retry cannot fix', async (code, sentence) => {
    const answer = await send(['a', 'b'], () => new ConnectError('no', code));
    expect(answer.calls).toHaveLength(1);
    expect(answer.counts).toMatchObject({ accepted: 0, givenUp: 2 });
    expect(answer.stops.join()).toContain(sentence);
  });

  it('says that no key was given, where none was', async () => {
    const refuse = () => new ConnectError('no', Code.Unauthenticated);
    const { stops } = await send(['a'], refuse, 0, false);
    expect(stops.join()).toContain('wants a write key, and none was given');
    expect((await send(['a'], refuse)).stops.join()).not.toContain('none was given');
  });

  it('gives up in time, and ends the run', async () => {
    const startedAt = performance.now();
    const answer = await send(['a', 'b'], () => [Status.DUPLICATE, Status.RETRY], 0);
    expect(answer.counts).toMatchObject({ duplicates: 1, givenUp: 1 });
    const late = await send(['a'], () => [Status.RETRY], 500);
    expect(late.counts).toMatchObject({ givenUp: 1 });
    expect(late.stops).toHaveLength(1);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it('refuses an answer with a wrong number of verdicts', async () => {
    const answer = await send(['a', 'b'], () => [Status.ACCEPTED]);
    expect(answer.counts).toMatchObject({ accepted: 0, givenUp: 2 });
    expect(answer.stops.join()).toContain('1 verdicts on 2 events');
  });
});
