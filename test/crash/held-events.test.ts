import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, onTestFinished, test } from 'vitest';

import { prepareGate } from './gate-process.ts';

/*
 * The embedded nats-server forgets what a worker has given back when it stops itself. Without more, these
 * events come after the rest of their acknowledgement wait: here ten minutes, longer than the test.
 */

/** An HTTP server that refuses everything until it is opened. */
async function startReceiver() {
  const received: string[] = [];
  let isOpen = false;
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (isOpen) received.push(...(body.match(/[0-9a-f]{8}-[0-9a-f-]{27}/g) ?? []));
      response.writeHead(isOpen ? 200 : 503).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { port, received, open: () => (isOpen = true) };
}

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'what a worker held at %s is delivered soon after the next start',
  async (signal) => {
    const receiver = await startReceiver();
    await using gate = await prepareGate({
      yaml: () =>
        JSON.stringify({
          destinations: {
            out: {
              type: 'webhook',
              url: `http://127.0.0.1:${receiver.port}`,
              secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
              allow_private_addresses: true,
              ack_wait: '10m',
            },
          },
        }),
    });
    const run = await gate.start();
    const keys = Array.from({ length: 50 }, () => randomUUID());
    for (const key of keys) {
      const response = await fetch(`${gate.url}/v1/track`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          event_name: 'order_completed',
          user_id: 'u-1',
          idempotency_key: key,
          properties: { order_id: 'A-1', total: 1.5, currency: 'EUR' },
        }),
      });
      expect(response.status).toBe(202);
      await response.body?.cancel();
    }
    const state = async () =>
      (await gate.headgate('destinations', '--admin', `http://${gate.adminListen}`)).stdout;
    await expect.poll(state, { timeout: 20_000 }).toMatch(/parked/);
    run.kill(signal);
    await run.exit;
    receiver.open();
    await gate.start();
    await expect
      .poll(() => keys.filter((key) => !receiver.received.includes(key)).length, {
        timeout: 20_000,
      })
      .toBe(0);
  },
  90_000,
);
