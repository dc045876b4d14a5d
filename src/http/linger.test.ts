import net from 'node:net';
import v8 from 'node:v8';
import vm from 'node:vm';

import { describe, expect, test } from 'vitest';

import { engines, type EngineName } from './engine-peer.fixture.ts';
import { cutOffWhenAnswered } from './http-call.ts';
import { idleBytesMin, type LingerLimits } from './linger.ts';
import { listen, type Listener } from './listen.ts';

/* HTTP/1.1: what becomes of the rest of a body whose request is answered already. HTTP/2: http2/limits.test.ts. */

const headroom: LingerLimits = { lingerMs: 60_000, idleMs: 60_000, bytesMax: 1_000_000 };

/** Refuses every request without reading its body. */
function openRefusing(engine: EngineName, linger: Partial<LingerLimits>): Promise<Listener> {
  return listen({
    address: { host: '127.0.0.1', port: 0 },
    tls: undefined,
    engine,
    linger: { ...headroom, ...linger },
    handle: (call) => {
      cutOffWhenAnswered(call);
      call.reply(401, { 'content-length': 2 }, 'no');
    },
    setting: 'none',
    idleTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    connectionsMax: 10,
  });
}

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;

/** What is in use, without what the collector has not found yet. */
function heldBytes(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}

interface Caller {
  readonly socket: net.Socket;
  received(): string;
  /** Resolves with how long the server kept the connection, in ms. */
  readonly closed: Promise<number>;
}

/** Sends a head, and resolves with its answer. */
async function refused(port: number, framing: string): Promise<Caller> {
  const socket = net.connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  let received = '';
  const startedAt = performance.now();
  const closed = new Promise<number>((resolve) =>
    socket.once('close', () => resolve(performance.now() - startedAt)),
  );
  socket.on('error', () => {});
  const answered = new Promise<void>((resolve) =>
    socket.on('data', (chunk) => {
      received += String(chunk);
      if (received.endsWith('no')) resolve();
    }),
  );
  socket.write(`POST /v1/track HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`);
  await answered;
  return { socket, received: () => received, closed };
}

async function isOpenAfter(caller: Caller, ms: number): Promise<boolean> {
  const late = new Promise<true>((resolve) => setTimeout(() => resolve(true), ms));
  return await Promise.race([caller.closed.then(() => false), late]);
}

describe.each(engines)('after an early answer: %s', (engine) => {
  test.each([
    ['a length', 'Content-Length: 400000', 'x'.repeat(400_000)],
    ['chunks', 'Transfer-Encoding: chunked', `61a80\r\n${'x'.repeat(400_000)}\r\n0\r\n\r\n`],
  ])('the rest of a body with %s is read, then the connection ends', async (_, framing, body) => {
    const listener = await openRefusing(engine, {});
    const caller = await refused(listener.address.port, framing);
    expect(caller.received()).toMatch(/^HTTP\/1\.1 401 [^]*connection: close/i);
    caller.socket.write(body.slice(0, 200_000));
    expect(await isOpenAfter(caller, 100)).toBe(true);
    caller.socket.write(body.slice(200_000));
    await caller.closed;
    expect(caller.socket.errored).toBeNull();
    await listener.close(0);
  });

  test('bytesMax: as much is read; one byte more ends the connection', async () => {
    const listener = await openRefusing(engine, { bytesMax: 1000 });
    const { port } = listener.address;
    const fitting = await refused(port, 'Content-Length: 2000');
    fitting.socket.write('x'.repeat(1000));
    expect(await isOpenAfter(fitting, 100)).toBe(true);
    fitting.socket.write('x');
    await fitting.closed;
    const beyond = await refused(port, 'Content-Length: 2000');
    beyond.socket.write('x'.repeat(1001));
    await beyond.closed;
    await listener.close(0);
  });

  test('idleMs: a caller that stops sending is cut', async () => {
    const listener = await openRefusing(engine, { idleMs: 150 });
    const { port } = listener.address;
    const silent = await refused(port, 'Content-Length: 200000');
    const trickling = await refused(port, 'Content-Length: 200000');
    const sending = await refused(port, 'Content-Length: 200000');
    const trickle = setInterval(() => {
      trickling.socket.write('x');
      sending.socket.write('x'.repeat(idleBytesMin));
    }, 20);
    expect(await silent.closed).toBeGreaterThan(140);
    expect(await trickling.closed).toBeLessThan(2000);
    expect(await isOpenAfter(sending, 200)).toBe(true);
    clearInterval(trickle);
    expect(await sending.closed).toBeLessThan(2000);
    await listener.close(0);
  });

  test('lingerMs: a caller that never stops sending is cut', async () => {
    const listener = await openRefusing(engine, { lingerMs: 200 });
    const caller = await refused(listener.address.port, 'Transfer-Encoding: chunked');
    const trickle = setInterval(() => caller.socket.write('1\r\nx\r\n'), 20);
    const keptMs = await caller.closed;
    clearInterval(trickle);
    expect(keptMs).toBeGreaterThan(190);
    expect(keptMs).toBeLessThan(2000);
    await listener.close(0);
  });

  test('broken chunks behind an answer bring no second answer', async () => {
    const listener = await openRefusing(engine, {});
    const caller = await refused(listener.address.port, 'Transfer-Encoding: chunked');
    caller.socket.write('zz\r\n');
    await caller.closed;
    expect(caller.received().match(/HTTP\/1\.1/g)).toHaveLength(1);
    await listener.close(0);
  });

  test('what is discarded costs no memory', async () => {
    const listener = await openRefusing(engine, { bytesMax: 256 * 1024 * 1024 });
    const caller = await refused(listener.address.port, 'Content-Length: 268435456');
    const chunk = Buffer.alloc(1024 * 1024);
    const send = async (chunks: number): Promise<void> => {
      for (let sent = 0; sent < chunks; sent += 1) {
        if (!caller.socket.write(chunk)) {
          await new Promise((resolve) => caller.socket.once('drain', resolve));
        }
      }
    };
    const before = heldBytes();
    await send(255);
    // V8 frees buffers in threads of its own.
    await expect.poll(() => heldBytes() - before).toBeLessThan(16 * 1024 * 1024);
    await send(1);
    await caller.closed;
    await listener.close(0);
  });
});
