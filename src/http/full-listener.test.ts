import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';

import { describe, expect, onTestFinished, test, vi } from 'vitest';

import { engines, type EngineName } from './engine-peer.fixture.ts';
import type { HttpCall } from './http-call.ts';
import { clientPreface, frameType } from './http2/frames.ts';
import { frameOf } from './http2/raw-peer.fixture.ts';
import { listen, type Listener } from './listen.ts';
import { makeCertificate } from './self-signed.fixture.ts';

/* A listener whose connections are used up, with what serves them for real. */

const connectionsMax = 6;
/** connections/connections.ts: three quarters. */
const ofAddressMax = 5;
/** connections/open-connection.ts: from then on a connection without a request is silent. */
const silentMs = 1_000;
/** The same: a request that moves nothing for so long. */
const stalledMs = 5_000;
const evicted = 'connections 127.0.0.1';
const nothing = (): void => {};
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');

interface Full {
  readonly listener: Listener;
  readonly isTls: boolean;
  /** Addresses that were limited. */
  readonly limited: string[];
  /** Calls of /wait, which are not answered. */
  readonly waiting: HttpCall[];
}

async function openListener(engine: EngineName, isTls: boolean): Promise<Full> {
  const waiting: HttpCall[] = [];
  const limited: string[] = [];
  const listener = await listen({
    address: { host: '127.0.0.1', port: 0 },
    tls: isTls ? makeCertificate() : undefined,
    engine,
    handle: (call) => {
      const end = (): void => {
        if (call.url === '/wait') waiting.push(call);
        else call.reply(200, { 'content-length': 2 }, 'ok');
      };
      call.receive({ chunk: nothing, end, cut: nothing });
    },
    isFastPath: () => true,
    setting: 'none',
    idleTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    connectionsMax,
    limited: (limit, who) => limited.push(`${limit} ${who}`),
  });
  onTestFinished(() => listener.close(0));
  return { listener, isTls, limited, waiting };
}

interface Client {
  /** Sends a request. Resolves with the status; rejects if the connection ends. */
  ask(path: string): Promise<number>;
  readonly closed: Promise<unknown>;
  isClosed(): boolean;
}

async function connectSocket({ listener, isTls }: Full, protocol: string): Promise<net.Socket> {
  const { port } = listener.address;
  const socket = isTls
    ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: [protocol] })
    : net.connect(port, '127.0.0.1');
  socket.on('error', nothing);
  onTestFinished(() => void socket.destroy());
  await once(socket, isTls ? 'secureConnect' : 'connect');
  return socket;
}

/** A connection on which `sent` arrives and nothing else. */
async function openSilent(full: Full, protocol: string, sent: Buffer): Promise<Client> {
  const socket = await connectSocket(full, protocol);
  socket.resume();
  const closed = closeOf(socket);
  if (sent.length > 0) socket.write(sent);
  return { ask: () => Promise.reject(new Error('silent')), closed, isClosed: () => socket.closed };
}

const clients: Readonly<Record<string, (full: Full) => Promise<Client>>> = {
  'HTTP/1.1': async (full) => {
    const socket = await connectSocket(full, 'http/1.1');
    const closed = closeOf(socket);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    (agent as unknown as { createConnection: () => net.Socket }).createConnection = () => socket;
    const ask = (path: string): Promise<number> =>
      new Promise((resolve, reject) => {
        // What our own reader serves.
        const headers = { 'content-length': 2, connection: 'keep-alive' };
        const sent = http.request({ path, method: 'POST', headers, agent }, (answer) =>
          answer.resume().on('end', () => resolve(answer.statusCode!)),
        );
        sent.on('error', reject);
        sent.end('{}');
      });
    return { ask, closed, isClosed: () => socket.closed };
  },
  'HTTP/2': async (full) => {
    const socket = await connectSocket(full, 'h2');
    const session = http2.connect('http://localhost', { createConnection: () => socket });
    session.on('error', nothing);
    const closed = closeOf(socket);
    const ask = (path: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':method': 'POST', ':path': path });
        stream.on('response', (headers) => resolve(headers[':status']!));
        stream.on('error', reject);
        stream.on('close', () => reject(new Error('closed')));
        stream.resume();
        stream.end('{}');
      });
    return { ask, closed, isClosed: () => socket.closed };
  },
};

/** Sends so many PINGs on a new connection. Resolves with what comes first: all answers, or the end. */
async function sendPings(full: Full, count: number): Promise<'answered' | 'ended'> {
  const socket = await connectSocket(full, 'h2');
  const ping = frameOf(frameType.ping, 0, 0, Buffer.alloc(8));
  const settings = frameOf(frameType.settings, 0, 0, Buffer.alloc(0));
  return new Promise((resolve) => {
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes >= count * ping.length) resolve('answered');
    });
    socket.on('close', () => resolve('ended'));
    socket.write(
      Buffer.concat([clientPreface, settings, ...Array.from({ length: count }, () => ping)]),
    );
  });
}

describe.each(engines.flatMap((engine) => [false, true].map((isTls) => ({ engine, isTls }))))(
  'a full listener: %o',
  ({ engine, isTls }) => {
    test('floods of several connections of an address count together', async () => {
      const full = await openListener(engine, isTls);
      // Each is within what one connection may send.
      const outcomes: string[] = [];
      while (outcomes.length < 6 && !outcomes.includes('ended')) {
        outcomes.push(await sendPings(full, 900));
      }
      expect([outcomes[0], outcomes[1], outcomes.at(-1)]).toEqual([
        'answered',
        'answered',
        'ended',
      ]);
      expect(full.limited).toContain('control_frames 127.0.0.1');
    });

    describe.each(Object.entries(clients))('%s', (protocol, connect) => {
      test('ends who is silent, then who is idle, and no request under way', async () => {
        const full = await openListener(engine, isTls);
        const { limited, waiting } = full;
        const working = await connect(full);
        const answer = working.ask('/wait');
        answer.catch(nothing);
        await expect.poll(() => waiting.length).toBe(1);
        const idle = await connect(full);
        expect(await idle.ask('/')).toBe(200);
        const silent = [
          await openSilent(full, 'http/1.1', Buffer.alloc(0)),
          await openSilent(full, 'http/1.1', Buffer.from('POST / HTTP/1.1\r\nhost: a\r\n')),
          await openSilent(full, 'h2', preface),
        ];
        await sleep(silentMs);
        expect([...silent, idle].map((each) => each.isClosed())).not.toContain(true);
        expect(limited).toEqual([]);

        // One more than the address may have, and one more.
        for (const [index, oldest] of [...silent, idle].entries()) {
          const newcomer = await connect(full);
          expect(await newcomer.ask('/')).toBe(200);
          await oldest.closed;
          const left = [...silent, idle].slice(index + 1);
          expect(left.map((each) => each.isClosed())).not.toContain(true);
          expect(limited).toEqual(Array.from({ length: index + 1 }, () => evicted));
        }
        expect(working.isClosed()).toBe(false);
        waiting[0]!.reply(200, { 'content-length': 2 }, 'ok');
        expect(await answer).toBe(200);
      });

      test('refuses one more if each has a request that waits for us', async () => {
        const full = await openListener(engine, isTls);
        const { limited, waiting } = full;
        const working = await Promise.all(
          Array.from({ length: ofAddressMax }, () => connect(full)),
        );
        const answers = working.map((client) => client.ask('/wait'));
        for (const answer of answers) answer.catch(nothing);
        await expect.poll(() => waiting.length).toBe(ofAddressMax);
        expect(limited).toEqual([]);
        // They wait for longer than a request may stall.
        const now = performance.now.bind(performance);
        vi.spyOn(performance, 'now').mockImplementation(() => now() + 2 * stalledMs);
        onTestFinished(() => void vi.restoreAllMocks());
        const refused = await openRefused(full, protocol === 'HTTP/2' ? 'h2' : 'http/1.1');
        await refused;
        expect(limited).toEqual([evicted]);
        for (const call of waiting) call.reply(200, { 'content-length': 2 }, 'ok');
        expect(await Promise.all(answers)).toEqual(working.map(() => 200));
      });
    });
  },
);

describe.each(engines.flatMap((engine) => [false, true].map((isTls) => ({ engine, isTls }))))(
  'a flood of PING: %o',
  ({ engine, isTls }) => {
    const ping = Buffer.from('\0\0\x08\x06\0\0\0\0\0abcdefgh', 'latin1');

    /** Sends this many on a new connection. Returns whether they were served or the connection ended. */
    async function pour(full: Full, count: number): Promise<'served' | 'ended'> {
      const socket = await connectSocket(full, 'h2');
      const closed = closeOf(socket).then(() => 'ended' as const);
      let bytes = 0;
      const served = new Promise<'served'>((resolve) => {
        socket.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes >= count * ping.length) resolve('served');
        });
      });
      socket.write(Buffer.concat([preface, ...Array.from({ length: count }, () => ping)]));
      return Promise.race([closed, served]);
    }

    test('ends the connection, and the next one of its address has half as many', async () => {
      const full = await openListener(engine, isTls);
      expect([await pour(full, 600), full.limited]).toEqual(['served', []]);
      expect(await pour(full, 1_500)).toBe('ended');
      expect(full.limited).toEqual(['control_frames 127.0.0.1']);
      expect(await pour(full, 600)).toBe('ended');
      expect(full.limited).toHaveLength(2);
    });
  },
);

/** Resolves when the listener has closed a new connection. */
function openRefused({ listener, isTls }: Full, protocol: string): Promise<unknown> {
  const { port } = listener.address;
  const socket = isTls
    ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: [protocol] })
    : net.connect(port, '127.0.0.1');
  socket.on('error', nothing);
  socket.resume();
  return closeOf(socket);
}

/** Resolves also after an error: an evicted peer may see a reset. */
function closeOf(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}
