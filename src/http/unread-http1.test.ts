import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';

import { describe, expect, test } from 'vitest';

import { engines } from './engine-peer.fixture.ts';
import { listen } from './listen.ts';
import { makeCertificate } from './self-signed.fixture.ts';

/* Answers over HTTP/1.1 that their caller leaves in the sockets between them. */

// Much longer than a slow reader pauses, also on a busy machine.
const idleTimeoutMs = 1_000;
const answerBytes = 256 * 1024;
const asked = 200;

const nothing = (): void => {};

describe.each(engines)('a caller of HTTP/1.1: %s', (engine) => {
  test.each([
    ['that reads nothing, is disconnected', 'clear', false, 'cut'],
    ['that reads nothing over TLS, is disconnected', 'tls', false, 'cut'],
    ['that reads slowly, gets everything', 'clear', true, 'whole'],
    ['that reads slowly over TLS, gets everything', 'tls', true, 'whole'],
  ])('%s', async (_what, transport, isReading, outcome) => {
    const certificate = transport === 'tls' ? makeCertificate() : undefined;
    const body = Buffer.alloc(answerBytes);
    const listener = await listen({
      address: { host: '127.0.0.1', port: 0 },
      tls: certificate,
      engine,
      handle: (call) => {
        const end = (): void => call.reply(200, { 'content-length': answerBytes }, body);
        call.receive({ chunk: nothing, end, cut: nothing });
      },
      isFastPath: () => false,
      setting: 'none',
      idleTimeoutMs,
      requestTimeoutMs: 5_000,
      connectionsMax: 10,
    });
    const { port } = listener.address;
    const socket =
      certificate === undefined
        ? net.connect(port, '127.0.0.1')
        : tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.on('error', nothing);
    await new Promise((resolve) =>
      socket.once(certificate === undefined ? 'connect' : 'secureConnect', resolve),
    );
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(asked));
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    socket.pause();
    for (let turn = 0; turn < (isReading ? 10 : 16); turn += 1) {
      await sleep(150);
      if (!isReading) continue;
      socket.resume();
      await sleep(15);
      socket.pause();
    }
    socket.resume();
    while (received < asked * answerBytes) {
      if ((await Promise.race([ended.then(() => 'ended'), sleep(50)])) === 'ended') break;
    }
    socket.destroy();
    await listener.close(0);
    expect(received < asked * answerBytes ? 'cut' : 'whole').toBe(outcome);
  });
});
