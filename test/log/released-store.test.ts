import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { readBacklog } from '../../src/jetstream/consume/backlog.ts';
import { findRanges } from '../../src/jetstream/read/read-ranges.ts';
import { asAdmin } from '../admin-token.ts';
import { startRealService } from '../real-service.ts';
import { storedEvents } from '../stored-events.ts';

const archive = path.join(import.meta.dirname, 'released-store.tar.gz');
/** The idempotency key of its first event. */
const earliestKey = '018f6a7e-0000-7000-8000-000000000001';
const run = promisify(execFile);

/** Answers 200, and keeps the order_id of every event. */
async function startReceiver() {
  const orders: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      orders.push(/"order_id":"([^"]+)"/.exec(body)![1]!);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { orders, port, close: () => server.close() };
}

/**
 * The store in the archive is one that release 0.1.0 without partitions wrote: 20 events of source
 * `default` (o-1 to o-20), of which the webhook `crm` took 11, answered 422 to o-3, which waits in
 * RETRY, and then was away; two more events were refused.
 */
test('a store of the release without partitions goes on where it was', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-released-'));
  const receiver = await startReceiver();
  try {
    await mkdir(path.join(dataDir, 'nats'));
    await run('tar', ['-xzf', archive, '-C', path.join(dataDir, 'nats')]);
    await using real = await startRealService({
      env: {
        HEADGATE_DATA_DIR: dataDir,
        HEADGATE_DURABILITY: 'fsync',
        // The archive grows old, and its events must stay.
        HEADGATE_LOG_RETENTION: '3650d',
      },
      yaml: `destinations:
  crm:
    type: webhook
    url: http://127.0.0.1:${receiver.port}/
    secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
    allow_private_addresses: true
`,
    });
    const send = async (order: string, key: string) => {
      const response = await fetch(`${real.url}/v1/track`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          event_name: 'order_completed',
          user_id: 'u-1',
          idempotency_key: key,
          properties: { order_id: order, total: 1, currency: 'EUR' },
        }),
      });
      expect(response.status).toBe(202);
    };
    await send('o-21', '018f6a7e-0000-7000-8000-000000000101');
    await send('o-22', '018f6a7e-0000-7000-8000-000000000102');
    const { log } = real.service;
    const sequences: number[] = [];
    for await (const { sequence } of storedEvents(log)) sequences.push(sequence);
    const old = Array.from({ length: 20 }, (_, at) => at + 1);
    expect(sequences).toEqual([...old, 1_021, 1_022]);
    expect(await findRanges(log, 'EVENTS')).toEqual([{ from: 1, to: 1_022 }]);

    await expect.poll(() => receiver.orders.length, { timeout: 15_000 }).toBe(11);
    await expect.poll(async () => (await readBacklog(log, 'crm'))!.waiting).toBe(0);
    const waited = ['o-3', ...Array.from({ length: 10 }, (_, at) => `o-${at + 13}`)];
    expect(receiver.orders.toSorted()).toEqual(waited.toSorted());

    const trace = await fetch(`${real.adminUrl}/headgate.v1.EventService/Locate`, {
      method: 'POST',
      headers: { ...asAdmin.headers, 'content-type': 'application/json' },
      body: JSON.stringify({ id: earliestKey, since: '2020-01-01T00:00:00Z' }),
    });
    const located = (await trace.json()) as { events: object[] };
    const destinations = [{ destination: 'crm', state: 'DELIVERED' }];
    expect(located.events).toMatchObject([{ stored: { sequence: '1', destinations } }]);
  } finally {
    receiver.close();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
});
