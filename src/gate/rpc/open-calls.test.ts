import http2 from 'node:http2';

import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { Health } from '../../../gen/grpc/health/v1/health_pb.ts';
import { Code } from '@connectrpc/connect';
import { listen } from '../../http/listen.ts';
import { createUniversalEndpoint } from '../../http/universal.ts';
import { createExchange } from '../exchange.ts';
import type { GateContext } from '../gate-context.ts';
import { createCallers, keylessBurstMs } from '../intake/callers.ts';
import { createHealthService } from './health.ts';
import { createOpenCalls } from './open-calls.ts';
import type { OpenLimits } from './open-limits.ts';

/* Calls that need no key wait, and are refused, before the library sees them. */

const text = 'At most 0 may watch at once.';
const [check, watch] = ['/grpc.health.v1.Health/Check', '/grpc.health.v1.Health/Watch'];
const emptyMessage = Buffer.alloc(5);

interface Answer {
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: string;
}

describe.each(['own', 'node'] as const)('calls without a key, engine %s', (engine) => {
  let callers: ReturnType<typeof createCallers>;
  let session: http2.ClientHttp2Session;
  let close: () => Promise<void>;
  let isKnown = false;
  /** What the library has served. */
  let served: string[] = [];
  const limited: string[] = [];

  beforeEach(async () => {
    [isKnown, served] = [false, []];
    limited.length = 0;
    callers = createCallers({
      trustedProxies: [],
      auth: 'keys',
      requestBytesMax: 1000,
      limited: (limit) => void limited.push(limit),
    });
    const { service } = createHealthService([], { take: () => () => {} });
    const library = createUniversalEndpoint((router) => router.service(Health, service), {});
    const endpoint: typeof library = {
      has: library.has,
      serve: (call, id, path) => {
        served.push(path);
        return library.serve(call, id, path);
      },
    };
    const limits = { watching: { refusal: () => text } } as unknown as OpenLimits;
    const serve = createOpenCalls({ callers } as unknown as GateContext, endpoint, limits);
    const listener = await listen({
      address: { host: '127.0.0.1', port: 0 },
      tls: undefined,
      engine,
      handle: (call) => {
        call.connection.isKnown = isKnown;
        if (!serve(createExchange(call), call.url)) call.reply(404, {}, '');
      },
      setting: 'none',
      idleTimeoutMs: 60_000,
      requestTimeoutMs: 60_000,
      connectionsMax: 10,
    });
    session = http2.connect(`http://127.0.0.1:${listener.address.port}`);
    close = () => listener.close(0);
  });
  afterEach(async () => {
    session.destroy();
    callers.close();
    await close();
  });

  function ask(path: string, type: string, body = emptyMessage): Promise<Answer> {
    const headers = { ':path': path, ':method': 'POST', 'content-type': type, te: 'trailers' };
    const stream = session.request(headers);
    onTestFinished(() => void stream.destroy());
    stream.end(body);
    return new Promise((resolve) => {
      let [answer, trailers, sent] = [{}, {}, ''];
      stream.on('response', (received) => (answer = received));
      stream.on('trailers', (received) => (trailers = received));
      stream.on('data', (chunk: Buffer) => (sent += chunk.toString('latin1')));
      stream.on('error', () => {});
      stream.on('close', () => resolve({ headers: answer, trailers, body: sent }));
    });
  }

  test('are refused in the protocol of the caller, and the library does not see them', async () => {
    const exhausted = String(Code.ResourceExhausted);
    const grpc = await ask(watch, 'application/grpc');
    expect(grpc.headers).toMatchObject({
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': exhausted,
      'grpc-message': encodeURIComponent(text),
    });
    const web = await ask(watch, 'application/grpc-web+proto');
    expect(web.body).toContain(`grpc-status: ${exhausted}\r\n`);
    const stream = await ask(watch, 'application/connect+json');
    const end = JSON.stringify({ error: { code: 'resource_exhausted', message: text } });
    expect([stream.headers[':status'], stream.body]).toEqual([
      200,
      `\x02\0\0\0${String.fromCharCode(end.length)}${end}`,
    ]);
    expect(served).toEqual([]);
  });

  test('wait while no time is left, and checks have a time of their own', async () => {
    callers.turns.spend(keylessBurstMs + 25);
    let isRefused = false;
    const refused = ask(watch, 'application/grpc').then(() => (isRefused = true));
    const checked = await ask(check, 'application/json', Buffer.from('{}'));
    expect([checked.body, isRefused]).toEqual(['{"status":"SERVING"}', false]);
    await refused;
    expect(limited).toEqual(['keyless_turn']);
    callers.checks.spend(60);
    const late = await ask(check, 'application/grpc');
    expect([late.trailers['grpc-status'], limited.length, served.length]).toEqual(['0', 2, 2]);
  });

  test('do not wait on the connection of a known caller', async () => {
    isKnown = true;
    callers.checks.spend(60);
    const { trailers } = await ask(check, 'application/grpc');
    expect([trailers['grpc-status'], limited]).toEqual(['0', []]);
  });

  test('are none where there is no such RPC', async () => {
    expect((await ask('/none', 'application/grpc')).headers[':status']).toBe(404);
  });
});
