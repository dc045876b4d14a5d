import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { expectFailure } from './expectations.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order } from './sample-events.ts';
import { knock, wireEndpoints } from './wire-endpoints.ts';
import { answerOf } from './wire.ts';

/** Callers that hold a connection without using it. */
describe('slow callers', () => {
  let gate: OpenGate;
  const requestTimeoutMs = 600;
  /** The timers that look for late callers run at most once a second. */
  const slackMs = 2500;

  beforeAll(async () => {
    gate = await openGate({
      env: {
        HEADGATE_LIMITS_REQUEST_TIMEOUT: `${requestTimeoutMs}ms`,
        HEADGATE_LIMITS_IDLE_TIMEOUT: '1s',
      },
    });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
  });

  /** Writes to a socket and waits until the gate closes it; resolves with what came back. */
  const untilClosed = (text: string): Promise<{ received: string; afterMs: number }> =>
    new Promise((resolve, reject) => {
      const startedAt = performance.now();
      let received = '';
      const socket = net.connect(gate.port, '127.0.0.1', () => socket.write(text));
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new Error('still open'));
      }, requestTimeoutMs + slackMs);
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('error', () => {});
      socket.on('close', () => {
        clearTimeout(timer);
        resolve({ received, afterMs: performance.now() - startedAt });
      });
    });

  test('request_timeout: a body that does not end, at every endpoint', async () => {
    const events = [order()];
    const answers = await Promise.all(
      wireEndpoints.map((door) => {
        const whole = door.frame(door.encode(events));
        const body = whole.subarray(0, whole.length - 1);
        const length = { 'content-length': String(whole.length) };
        return knock(gate.port, door, { body, stall: true, headers: length });
      }),
    );
    answers.forEach((answer, index) =>
      expectFailure(answer, wireEndpoints[index]!, 'request_timeout'),
    );
    expect(await gate.last('EVENTS')).toBe(0);
  });

  test('answers and closes the connection if a body does not arrive', async () => {
    const head = 'POST /v1/track HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
    const { received } = await untilClosed(`${head}content-length: 100\r\n\r\n{"event_name":`);
    expect(received).toMatch(/^HTTP\/1\.1 408 /);
    expect(received).toMatch(/connection: close/i);
    expect(received).toContain('"code":"request_timeout"');
  });

  test('answers and closes the connection if headers do not end', async () => {
    const { received } = await untilClosed('POST /v1/track HTTP/1.1\r\nhost: x\r\n');
    expect(received).toMatch(/^HTTP\/1\.1 408 /);
    expect(received).toMatch(/x-correlation-id: [0-9a-f-]{36}\r\n/);
    expect(received).toContain('"code":"request_timeout"');
  });

  test.for([['nothing'], ['half a preface', 'PR'], ['one letter', 'P']] as const)(
    'a socket that says %s is closed',
    async ([, text = '']) => {
      const { received, afterMs } = await untilClosed(text);
      expect(received).toBe('');
      expect(afterMs).toBeGreaterThan(requestTimeoutMs * 0.5);
    },
  );

  test('an idle connection is closed: HTTP/1.1 after an answer', async () => {
    const agent = new http.Agent({ keepAlive: true });
    const closed = new Promise<void>((resolve, reject) => {
      const request = http.get({ agent, host: '127.0.0.1', port: gate.port, path: '/v1/track' });
      request.on('error', reject);
      request.on('response', (response) => {
        response.resume();
        response.socket.on('close', () => resolve());
        response.socket.on('error', reject);
      });
    });
    await expect(Promise.race([closed.then(() => 'closed'), later(4000)])).resolves.toBe('closed');
    agent.destroy();
  });

  test('an idle connection is closed: HTTP/2', async () => {
    const session = http2.connect(gate.url);
    session.on('error', () => {});
    const closed = new Promise<string>((resolve) => session.on('close', () => resolve('closed')));
    await expect(Promise.race([closed, later(4000)])).resolves.toBe('closed');
    session.destroy();
  });

  test('disconnects an upload that continues after its refusal', async () => {
    const session = http2.connect(gate.url);
    session.on('error', () => {});
    const headers = { 'content-type': 'application/grpc', 'content-length': '100000000' };
    const stream = session.request({
      ':method': 'POST',
      ':path': wireEndpoints[0]!.path,
      ...headers,
    });
    const trickle = setInterval(() => stream.write('x'), 100);
    const answer = answerOf(stream);
    const closed = answer.then(
      () => 'closed',
      () => 'closed',
    );
    await expect(Promise.race([closed, later(4000)])).resolves.toBe('closed');
    clearInterval(trickle);
    session.destroy();
  });
});

function later(delayMs: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve('still open'), delayMs));
}
