import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';

import { describe, expect, test } from 'vitest';

import type { HttpCall } from './http-call.ts';
import { listen, type Listener } from './listen.ts';
import { makeCertificate } from './self-signed.fixture.ts';

/*
 * What one turn of the event loop reads of callers that are not known, over each protocol: without a bound, all that
 * has arrived.
 */

const peersCount = 20;
const partMs = 1.5;
const body = Buffer.alloc(8 * 1024, 'x');

interface Served {
  readonly listener: Listener;
  /** The most parts of bodies that one turn has read. */
  readonly most: () => number;
  /** Answers whose body was whole, and others. */
  readonly answers: Record<'whole' | 'cut', number>;
}

async function serve(
  engine: 'own' | 'node',
  tlsFiles: { cert: string; key: string } | undefined,
  isKnown: boolean,
): Promise<Served> {
  let [parts, most] = [0, 0];
  const answers = { whole: 0, cut: 0 };
  const nextTurn = (): void => {
    most = Math.max(most, parts);
    parts = 0;
  };
  const handle = (call: HttpCall): void => {
    if (isKnown) call.connection.isKnown = true;
    let bytes = 0;
    call.receive({
      chunk: (part) => {
        if (parts === 0) setImmediate(nextTurn);
        parts += 1;
        bytes += part.length;
        const until = performance.now() + partMs;
        while (performance.now() < until);
      },
      end: () => {
        answers[bytes === body.length ? 'whole' : 'cut'] += 1;
        call.reply(200, { 'content-length': 2 }, 'ok');
      },
      cut: () => {},
    });
  };
  const listener = await listen({
    address: { host: '127.0.0.1', port: 0 },
    tls: tlsFiles,
    engine,
    handle,
    isFastPath: () => false,
    setting: 'HEADGATE_LISTEN',
    idleTimeoutMs: 5_000,
    requestTimeoutMs: 5_000,
    connectionsMax: 100,
  });
  return { listener, most: () => most, answers };
}

async function connect(port: number, isSecure: boolean): Promise<net.Socket> {
  const options = { host: '127.0.0.1', port, rejectUnauthorized: false };
  const socket = isSecure ? tls.connect(options) : net.connect(options);
  await new Promise((resolve) => socket.once(isSecure ? 'secureConnect' : 'connect', resolve));
  return socket;
}

/** Returns once each peer's body was answered. The heads come first, then all bodies at once. */
async function postHttp1(port: number, isSecure: boolean): Promise<void> {
  const sockets = await Promise.all(
    Array.from({ length: peersCount }, () => connect(port, isSecure)),
  );
  const answered = sockets.map((socket) => new Promise((resolve) => socket.once('data', resolve)));
  for (const socket of sockets) {
    socket.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n`);
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const socket of sockets) socket.write(body);
  await Promise.all(answered);
  for (const socket of sockets) socket.destroy();
}

async function postHttp2(port: number, isSecure: boolean): Promise<void> {
  const url = `${isSecure ? 'https' : 'http'}://127.0.0.1:${port}`;
  const sessions = Array.from({ length: peersCount }, () =>
    http2.connect(url, { rejectUnauthorized: false }),
  );
  const streams = sessions.map((session) => session.request({ ':method': 'POST' }));
  const answered = streams.map((stream) => new Promise((resolve) => stream.on('end', resolve)));
  for (const stream of streams) stream.resume();
  await new Promise((resolve) => setTimeout(resolve, 100));
  for (const stream of streams) stream.end(body);
  await Promise.all(answered);
  for (const session of sessions) session.destroy();
}

const protocols = { 'HTTP/1.1': postHttp1, 'HTTP/2': postHttp2 };

describe.each(['own', 'node'] as const)('engine %s', (engine) => {
  test.each([
    ['HTTP/1.1', false],
    ['HTTP/1.1', true],
    ['HTTP/2', false],
    ['HTTP/2', true],
  ] as const)('over %s (TLS: %s) a turn reads a part or two', async (protocol, isSecure) => {
    const files = isSecure ? makeCertificate() : undefined;
    const { listener, most, answers } = await serve(engine, files, false);
    await protocols[protocol](listener.address.port, isSecure);
    expect(answers).toEqual({ whole: peersCount, cut: 0 });
    expect(most()).toBeLessThanOrEqual(2);
    await listener.close(1000);
  });

  test('known callers do not wait', async () => {
    const { listener, most, answers } = await serve(engine, undefined, true);
    await postHttp1(listener.address.port, false);
    expect(answers).toEqual({ whole: peersCount, cut: 0 });
    expect(most()).toBeGreaterThan(5);
    await listener.close(1000);
  });
});
