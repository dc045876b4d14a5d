import {
  linkSync,
  lstatSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import type { SocketAddress } from '../config/config.ts';
import { StartError } from '../errors.ts';
import type { HttpCall } from './http-call.ts';
import { listen, type Listener } from './listen.ts';

/* Both engines on a Unix socket. */

const folder = mkdtempSync(path.join(tmpdir(), 'headgate-socket-'));
afterAll(() => rmSync(folder, { recursive: true }));
let socketPath: string;
let number = 0;
beforeEach(() => {
  socketPath = path.join(folder, `${(number += 1)}.sock`);
});

interface Open {
  readonly listener: Listener<SocketAddress>;
  readonly calls: HttpCall[];
  readonly limited: string[];
}

async function open(engine: 'own' | 'node' = 'own', connectionsMax = 100): Promise<Open> {
  const calls: HttpCall[] = [];
  const limited: string[] = [];
  const listener = await listen({
    address: { socketPath },
    tls: undefined,
    engine,
    handle: (call) => {
      calls.push(call);
      const end = (): void => call.reply(202, { 'content-length': 2 }, 'ok');
      call.receive({ chunk: () => {}, end, cut: () => {} });
    },
    isFastPath: (url) => url === '/whole',
    setting: 'HEADGATE_LISTEN',
    idleTimeoutMs: 5_000,
    requestTimeoutMs: 5_000,
    connectionsMax,
    limited: (limit, who) => limited.push(`${limit} ${who}`),
  });
  onTestFinished(() => listener.close(0));
  return { listener, calls, limited };
}

function postHttp1(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': 2, connection: 'keep-alive' };
    const options = { socketPath, path: url, method: 'POST', headers, agent: false };
    const sent = http.request(options, (answer) =>
      answer.resume().on('end', () => resolve(answer.statusCode!)),
    );
    sent.on('error', reject);
    sent.end('{}');
  });
}

function postHttp2(): Promise<number> {
  return new Promise((resolve, reject) => {
    const createConnection = (): net.Socket => net.connect(socketPath);
    const session = http2.connect('http://localhost', { createConnection });
    session.on('error', reject);
    const stream = session.request({ ':method': 'POST', ':path': '/whole' });
    stream.on('response', (headers) => {
      stream.resume();
      session.close();
      resolve(headers[':status']!);
    });
    stream.end('{}');
  });
}

/** Its server is gone, as that of a killed process. */
async function leaveStale(): Promise<void> {
  const server = net.createServer();
  const other = `${socketPath}.other`;
  await new Promise<void>((resolve) => server.listen(other, resolve));
  linkSync(other, socketPath);
  await new Promise((resolve) => server.close(resolve));
}

describe.each(['own', 'node'] as const)('engine %s', (engine) => {
  test('serves HTTP/1.1 and HTTP/2, and all callers have one address', async () => {
    const { listener, calls } = await open(engine);
    expect(listener.address).toEqual({ socketPath });
    const sent = [postHttp1('/whole'), postHttp1('/else'), postHttp2(), postHttp2()];
    expect(await Promise.all(sent)).toEqual([202, 202, 202, 202]);
    const addresses = calls.map(({ connection }) => connection.remoteAddress);
    expect(addresses).toEqual(Array.from({ length: 4 }, () => '127.0.0.1'));
    // Limits of a connection must not meet on another one.
    expect(new Set(calls.map(({ connection }) => connection)).size).toBe(4);
    await listener.close(1_000);
    expect(lstatSync(socketPath, { throwIfNoEntry: false })).toBe(undefined);
  });

  test('local callers together have the connections of one address', async () => {
    // Three quarters of them are for one address: 3.
    const { calls, limited } = await open(engine, 4);
    const held: net.Socket[] = [];
    onTestFinished(() => {
      for (const socket of held) socket.destroy();
    });
    for (let index = 0; index < 4; index += 1) {
      const socket = net.connect(socketPath).on('error', () => {});
      held.push(socket);
      socket.write('POST /whole HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}');
      await expect.poll(() => calls.length).toBe(index + 1);
      expect(limited).toEqual(index < 3 ? [] : ['connections 127.0.0.1']);
    }
  });
});

test('its user and group may connect, others may not', async () => {
  await open();
  expect(statSync(socketPath).mode & 0o777).toBe(0o660);
});

test('the file of a program that was killed is replaced', async () => {
  await leaveStale();
  expect(lstatSync(socketPath).isSocket()).toBe(true);
  await open();
  expect(await postHttp1('/whole')).toBe(202);
});

test('a socket on which a program listens is not taken from it', async () => {
  await open();
  const text = `The socket ${socketPath} is in use by another program.`;
  await expect(open()).rejects.toThrow(text);
  expect(await postHttp1('/whole')).toBe(202);
});

test('another file is not removed', async () => {
  writeFileSync(socketPath, 'notes');
  await expect(open()).rejects.toThrow(/is another file: move that away/);
  expect(statSync(socketPath).size).toBe(5);
});

test('a missing folder has a message of its own', async () => {
  socketPath = path.join(folder, 'none', 'a.sock');
  await expect(open()).rejects.toThrow(`has no folder: create ${path.join(folder, 'none')}`);
});

test('a folder that cannot be searched has a message of its own', async () => {
  // A circle of links, which stops every user, root too.
  const circle = path.join(folder, 'circle');
  symlinkSync(circle, circle);
  socketPath = path.join(circle, 'a.sock');
  const text = `The socket ${socketPath} cannot be looked at (ELOOP): let this user search ${circle}`;
  await expect(open()).rejects.toThrow(new StartError(text).message);
});

test('a stop removes only the socket that it made', async () => {
  const { listener } = await open();
  unlinkSync(socketPath);
  await open();
  await listener.close(0);
  expect(await postHttp1('/whole')).toBe(202);
});
