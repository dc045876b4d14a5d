import http2 from 'node:http2';

import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';

import {
  file_headgate_v1_track_service,
  TrackService,
} from '../../../gen/headgate/v1/track_service_pb.ts';
import { Health } from '../../../gen/grpc/health/v1/health_pb.ts';
import { listen } from '../../http/listen.ts';
import { createUniversalEndpoint } from '../../http/universal.ts';
import { createHealthService, watchMsMax } from './health.ts';
import { createReflection, requestsOfStreamMax } from './reflection.ts';

/* What health and reflection give one stream. */

afterEach(() => void vi.useRealTimers());

async function endOf(items: AsyncIterable<unknown>): Promise<{ count: number; error: unknown }> {
  let count = 0;
  try {
    for await (const item of items) count += item === undefined ? 0 : 1;
  } catch (error) {
    return { count, error };
  }
  return { count, error: undefined };
}

describe('a watcher', () => {
  test('ends after an hour with the advice to watch again, and leaves its place', async () => {
    vi.useFakeTimers();
    let places = 0;
    const take = (): (() => void) => {
      places += 1;
      return () => (places -= 1);
    };
    const { service } = createHealthService([], { take });
    const context = {
      signal: new AbortController().signal,
      values: { get: () => ({}) },
    } as unknown as HandlerContext;
    const watched = service.watch!({ service: '' } as never, context) as AsyncIterable<object>;
    const end = endOf(watched);
    await vi.advanceTimersByTimeAsync(watchMsMax - 1);
    expect(places).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    const { count, error } = await end;
    expect([count, (error as ConnectError).code, places]).toEqual([1, Code.Unavailable, 0]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a stream of reflection', () => {
  const symbol = `${TrackService.typeName}.Track`;

  function reflect(questions: number, mayAsk = (): boolean => true) {
    let places = 0;
    const limits = {
      enter: () => {
        places += 1;
        return () => void (places -= 1);
      },
      mayAsk,
    };
    const files: number[] = [];
    let bytes = 0;
    const ask = createReflection([file_headgate_v1_track_service], limits);
    async function* requests() {
      for (let sent = 0; sent < questions; sent += 1) {
        yield {
          host: '',
          messageRequest: { case: 'fileContainingSymbol', value: symbol },
        } as never;
      }
    }
    async function* replies() {
      for await (const { messageResponse } of ask(requests(), {} as HandlerContext)) {
        if (messageResponse.case !== 'fileDescriptorResponse') continue;
        const { fileDescriptorProto } = messageResponse.value;
        files.push(fileDescriptorProto.length);
        for (const { length } of fileDescriptorProto) bytes += length;
        yield messageResponse;
      }
    }
    return { files, bytes: () => bytes, places: () => places, end: endOf(replies()) };
  }

  test(`is answered ${requestsOfStreamMax} times, and not once more`, async () => {
    const whole = await reflect(requestsOfStreamMax).end;
    expect(whole).toEqual({ count: requestsOfStreamMax, error: undefined });
    const asked = reflect(requestsOfStreamMax + 1);
    const { count, error } = await asked.end;
    expect([count, (error as ConnectError).code]).toEqual([
      requestsOfStreamMax,
      Code.ResourceExhausted,
    ]);
    expect(asked.places()).toBe(0);
  });

  test('gets each file that another needs once', async () => {
    const { files, bytes, end } = reflect(requestsOfStreamMax);
    await end;
    expect(files[0]).toBeGreaterThan(1);
    expect(new Set(files.slice(1))).toEqual(new Set([1]));
    expect(bytes()).toBeLessThan(1024 * 1024);
  });

  test('ends when its address asks too often', async () => {
    let left = 2;
    const { error } = await reflect(3, () => (left -= 1) >= 0).end;
    expect((error as ConnectError).rawMessage).toBe(
      'This address asks too often. Ask again later.',
    );
  });
});

test.each(['own', 'node'] as const)(
  'a request whose message does not arrive has a deadline: engine %s',
  async (engine) => {
    const { service } = createHealthService([], { take: () => () => {} });
    const endpoint = createUniversalEndpoint((router) => router.service(Health, service), {
      bodyTimeoutMs: 200,
    });
    const listener = await listen({
      address: { host: '127.0.0.1', port: 0 },
      tls: undefined,
      engine,
      handle: (call) => void endpoint.serve(call, 'id', call.url),
      setting: 'none',
      idleTimeoutMs: 60_000,
      requestTimeoutMs: 60_000,
      connectionsMax: 10,
    });
    onTestFinished(() => listener.close(0));
    const session = http2.connect(`http://127.0.0.1:${listener.address.port}`);
    onTestFinished(() => session.destroy());
    const headers = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
    const statusOf = (rpc: string, message: Buffer | undefined): Promise<unknown> =>
      new Promise((resolve) => {
        const stream = session.request({ ...headers, ':path': `/grpc.health.v1.Health/${rpc}` });
        stream.on('response', (answer) => {
          if (answer['grpc-status'] !== undefined) resolve(answer['grpc-status']);
        });
        stream.on('trailers', (trailers) => resolve(trailers['grpc-status']));
        stream.on('error', () => {});
        stream.resume();
        if (message !== undefined) stream.end(message);
        else stream.write(Buffer.alloc(3));
      });
    const deadlineExceeded = String(Code.DeadlineExceeded);
    expect(await statusOf('Check', undefined)).toBe(deadlineExceeded);
    expect(await statusOf('Watch', undefined)).toBe(deadlineExceeded);
    expect(await statusOf('Check', Buffer.alloc(5))).toBe('0');
  },
);
