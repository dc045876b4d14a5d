/**
 * Writes what this version keeps into an archive, for later versions to read (stores.test.ts):
 *
 *     npx node test/upgrade/make-store.ts test/upgrade/stores/0.2.0.tar.gz
 *
 * Make one of each release, before it is tagged. Never change one that exists.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { startRealService, type RealService } from '../real-service.ts';
import { settingsOf, until, type StoreContents } from './kept-store.ts';
import { askAdmin } from '../ask-admin.ts';

const [archive] = process.argv.slice(2);
if (archive === undefined) {
  console.error('usage: npx node test/upgrade/make-store.ts FILE.tar.gz');
  process.exit(2);
}

/** The webhook takes the first 11 orders, refuses o-3, and then is away. */
const delivered = 11;
const refused = 'o-3';
let answered = 0;
const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text: string) => (body += text));
  request.on('end', () => {
    const isRefused = body.includes(`"${refused}"`);
    if (!isRefused && answered < delivered) answered += 1;
    else if (!isRefused) return void response.writeHead(503).end();
    response.writeHead(isRefused ? 422 : 200).end();
  });
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;
const dataDir = mkdtempSync(path.join(tmpdir(), 'headgate-store-'));
try {
  const real = await startRealService(settingsOf(dataDir, port));
  const contents = await fill(real);
  await real.stop();
  writeFileSync(path.join(dataDir, 'contents.json'), `${JSON.stringify(contents, undefined, 2)}\n`);
  cpSync(path.join(dataDir, 'nats/jetstream'), path.join(dataDir, 'jetstream'), {
    recursive: true,
  });
  const files = ['jetstream', 'log-marks.json', 'contents.json'];
  execFileSync('tar', ['-czf', path.resolve(archive), '-C', dataDir, ...files]);
} finally {
  server.closeAllConnections();
  server.close();
  rmSync(dataDir, { recursive: true, force: true });
}

async function fill(real: RealService): Promise<StoreContents> {
  const { secret: writeKey } = await askAdmin<{ secret: string }>(
    real.adminUrl,
    'KeyService/CreateKey',
    {
      source: 'shop',
    },
  );
  const accepted: string[] = [];
  for (let number = 1; number <= 20; number += 1) {
    const order = `o-${number}`;
    const response = await fetch(`${real.url}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${writeKey}` },
      body: JSON.stringify({
        event_name: 'order_completed',
        user_id: 'u-1',
        idempotency_key: `018f6a7e-0000-7000-8000-0000000000${String(number).padStart(2, '0')}`,
        properties: { order_id: order, total: 1, currency: 'EUR' },
      }),
    });
    if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`);
    accepted.push(order);
    // One by one, so that the webhook takes the first ones in order.
    if (order !== refused && number <= delivered + 1) {
      await until(() => answered >= (number < 3 ? number : number - 1));
    }
  }
  // A batch is answered with a 2xx, so that what it refuses is quarantined.
  await fetch(`${real.url}/v1/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${writeKey}` },
    body: JSON.stringify({
      events: ['r-1', 'r-2'].map((id, at) => ({
        event_name: 'order_completed',
        user_id: id,
        idempotency_key: `018f6a7e-0000-7000-8000-00000000010${at}`,
        properties: at === 0 ? {} : { order_id: id, total: 'x', currency: 'EUR' },
      })),
    }),
  });
  await until(async () => {
    const { deadLetters = [] } = await askAdmin<{ deadLetters?: object[] }>(
      real.adminUrl,
      'DeadLetterService/ListDeadLetters',
    );
    return deadLetters.length === 1;
  });
  return { writeKey, accepted, dead: refused, waiting: accepted.slice(delivered + 1), rejected: 2 };
}
