import { execFile } from 'node:child_process';
import http2 from 'node:http2';
import path from 'node:path';
import { promisify } from 'node:util';

import { status as grpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { call, createHealthClient } from './grpc-client.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order } from './sample-events.ts';

const service = 'headgate.v1.TrackService';

describe('health', () => {
  test('Check and Watch: SERVING, unknown, and NOT_SERVING from the moment of the stop', async () => {
    await using gate = await openGate();
    const client = createHealthClient(gate.port);
    try {
      for (const name of ['', service]) {
        const { response } = await call(client, 'Check', { service: name });
        expect(response).toEqual({ status: 'SERVING' });
      }
      const unknown = await call(client, 'Check', { service: 'no.such.Service' });
      expect(unknown.error!.code).toBe(grpcStatus.NOT_FOUND);

      const watch = (name: string) => {
        const stream = client.Watch({ service: name });
        const seen: string[] = [];
        stream.on('data', ({ status }) => seen.push(status));
        stream.on('error', () => {});
        const ended = new Promise<void>((resolve) => stream.on('close', () => resolve()));
        return { stream, seen, ended };
      };
      const watched = watch(service);
      const stranger = watch('no.such.Service');
      const gone = watch('');
      await expect
        .poll(() => [watched.seen, stranger.seen, gone.seen])
        .toEqual([['SERVING'], ['SERVICE_UNKNOWN'], ['SERVING']]);
      gone.stream.cancel();
      await gone.ended;
      const startedAt = performance.now();
      await gate.real.stop();
      // A watcher does not delay a stop until the grace period ends.
      expect(performance.now() - startedAt).toBeLessThan(8_000);
      await Promise.all([watched.ended, stranger.ended]);
      expect(watched.seen).toEqual(['SERVING', 'NOT_SERVING']);
      expect(stranger.seen[0]).toBe('SERVICE_UNKNOWN');
      expect(gone.seen).toEqual(['SERVING']);
    } finally {
      client.close();
    }
  });
});

/** The gRPC status of a stream on which nothing came for a while: `open`. */
function statusOf(session: http2.ClientHttp2Session, path: string, body: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const headers = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request({ ...headers, ':path': path });
    const take = (status: unknown): void => {
      if (status !== undefined) resolve(String(status));
    };
    stream.on('response', (answer) => take(answer['grpc-status']));
    stream.on('trailers', (trailers) => take(trailers['grpc-status']));
    stream.on('data', () => setTimeout(() => resolve('open'), 300));
    stream.on('error', () => resolve('reset'));
    // A watcher asks once. A stream of questions stays open.
    if (path.endsWith('/Watch')) stream.end(body);
    else stream.write(body);
  });
}

describe('streams without a key are bounded', () => {
  const watch = '/grpc.health.v1.Health/Watch';
  const reflect = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
  /** ServerReflectionRequest.list_services. */
  const listServices = Buffer.from([0, 0, 0, 0, 3, 0x3a, 1, 0x2a]);
  const connect = (url: string): http2.ClientHttp2Session => {
    const session = http2.connect(url).on('error', () => {});
    onTestFinished(() => session.destroy());
    return session;
  };
  const statuses = async (
    session: http2.ClientHttp2Session,
    path: string,
    body: Buffer,
    count: number,
  ): Promise<string[]> => {
    const found = await Promise.all(
      Array.from({ length: count }, () => statusOf(session, path, body)),
    );
    return found.filter((status) => status !== 'open');
  };

  test.each([
    ['health watchers of a connection', watch, Buffer.alloc(5), 25],
    ['streams of reflection of a connection', reflect, listServices, 4],
  ])('%s', async (_what, path, body, max) => {
    await using gate = await openGate();
    const session = connect(gate.url);
    expect(await statuses(session, path, body, max)).toEqual([]);
    expect(await statuses(session, path, body, 1)).toEqual(['8']);
    expect(await statuses(connect(gate.url), path, body, max)).toEqual([]);
  });

  test('health watchers of an address, by the connections that there may be', async () => {
    await using gate = await openGate({ env: { HEADGATE_LIMITS_CONNECTIONS_MAX: '32' } });
    const [first, second] = [connect(gate.url), connect(gate.url)];
    expect(await statuses(first, watch, Buffer.alloc(5), 2)).toEqual([]);
    expect(await statuses(second, watch, Buffer.alloc(5), 1)).toEqual(['8']);
  });
});

describe('reflection by buf curl', () => {
  const run = promisify(execFile);
  const buf = path.resolve(import.meta.dirname, '../../node_modules/.bin/buf');
  let gate: OpenGate;

  beforeAll(async () => {
    gate = await openGate();
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
  });

  const bufCurl = async (...args: string[]): Promise<string> => {
    const { stdout } = await run(buf, ['curl', '--http2-prior-knowledge', ...args]);
    return stdout;
  };

  test.for([['grpc-v1'], ['grpc-v1alpha']])('lists and describes: %s', async ([protocol]) => {
    const reflect = ['--reflect-protocol', protocol!];
    const services = await bufCurl(...reflect, '--list-services', gate.url);
    expect(services.trim().split('\n').sort()).toEqual([
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
      'headgate.v1.RelayService',
      service,
    ]);
    const methods = await bufCurl(...reflect, '--list-methods', gate.url);
    expect(methods).toContain(`${service}/Track\n`);
    expect(methods).toContain(`${service}/BatchTrack\n`);
  });

  test.for([['grpc'], ['grpcweb'], ['connect']])(
    'calls without a proto file: %s',
    async ([protocol]) => {
      const data = JSON.stringify({ event: order() });
      const args = ['--protocol', protocol!, '-d', data, `${gate.url}/${service}/Track`];
      const answer = JSON.parse(await bufCurl(...args)) as { result: Record<string, unknown> };
      expect(answer.result).toMatchObject({ status: 'ACCEPTED', schemaVersion: 2 });

      const bad = JSON.stringify({ event: order({ user_id: 'null' }) });
      const failure = await bufCurl(...args.with(3, bad)).catch(
        (error: { stderr: string }) => error.stderr,
      );
      expect(failure).toContain('invalid_argument');
      expect(failure).toContain('google.rpc.BadRequest');
      expect(failure).toContain('google.rpc.ErrorInfo');
    },
  );
});
