import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, onTestFinished, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { prepareGate } from '../crash/gate-process.ts';
import { scrape, total, untilServing } from '../processes/gate-processes.ts';
import { order } from '../endpoints/sample-events.ts';
import { startRealService, type RealService } from '../real-service.ts';

/*
 * One limit for all processes of a gate, for all gates of a log, and after a restart.
 */

const key = 'hg_shop_0123456789';
const yamlWith = (limits: string): string =>
  `destinations: {}\nkeys:\n  - { source: shop, hash: "${hashWriteKey(key)}", limits: { ${limits} } }\n`;
const env = { HEADGATE_AUTH: 'keys' };
/** A day must have room for the largest request. */
const small = { ...env, HEADGATE_LIMITS_REQUEST_BYTES_MAX: '8192' };

interface Sent {
  readonly status: number;
  readonly accepted: number;
  readonly retryAfter: number;
}

/** The embedded nats-server of a running service, for a second gate. */
function natsUrlOf({ service }: RealService): string {
  const { servers, user, password } = service.embedded!.address;
  return `nats://${user}:${password}@${servers[0]!.replace(/^nats:\/\//, '')}`;
}

/** Each request has a connection of its own, so that all processes of a gate get some. */
async function sendBatch(url: string, events: number): Promise<Sent> {
  const answer = await fetch(`${url}/v1/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-write-key': key, connection: 'close' },
    body: JSON.stringify({ events: Array.from({ length: events }, () => order()) }),
  });
  const { accepted = 0 } = (await answer.json()) as { accepted?: number };
  const retryAfter = Number(answer.headers.get('retry-after') ?? 0);
  return { status: answer.status, accepted, retryAfter };
}

/** Sends as fast as answers come, by several senders. Returns what was accepted, and the time. */
async function flood(urls: readonly string[], forMs: number, events: number) {
  const startedAt = performance.now();
  let accepted = 0;
  let refused = 0;
  const sender = async (url: string): Promise<void> => {
    while (performance.now() - startedAt < forMs) {
      const sent = await sendBatch(url, events);
      accepted += sent.accepted;
      if (sent.status === 429 || sent.status === 207) refused += 1;
      await sleep(2);
    }
  };
  await Promise.all([...urls, ...urls].map(sender));
  return { accepted, refused, seconds: (performance.now() - startedAt) / 1000 };
}

test('three gate processes: exactly the limit of one', async () => {
  await using gate = await prepareGate({
    env: { ...env, HEADGATE_PROCESSES: '3' },
    yaml: () => yamlWith('events_per_second: 200, burst: 300'),
  });
  await gate.start();
  await untilServing(gate, 3);
  const { accepted, refused, seconds } = await flood([gate.url, gate.url], 4_000, 7);
  expect(accepted).toBeLessThanOrEqual(300 + Math.ceil(seconds * 200));
  expect(accepted).toBeGreaterThanOrEqual(300 + Math.floor((seconds - 0.25) * 200));
  expect(refused).toBeGreaterThan(10);
  const page = await scrape(gate);
  expect(total(page, 'headgate_source_limited_total', 'source="shop"')).toBeGreaterThan(10);
}, 60_000);

test('two gates of one log: the limit of one, within the stated error', async () => {
  await using first = await startRealService({ env, yaml: yamlWith('events_per_second: 100') });
  const natsUrl = natsUrlOf(first);
  await using second = await startRealService({
    env: { ...env, HEADGATE_NATS_URL: natsUrl, HEADGATE_DURABILITY: 'async' },
    yaml: yamlWith('events_per_second: 100'),
  });
  await sleep(500);
  const { accepted, seconds } = await flood([first.url, second.url], 6_000, 5);
  // Both may take a burst before they hear of each other, and what is allowed in 250 ms.
  expect(accepted).toBeLessThanOrEqual(100 + seconds * 100 + 100 + 50);
  expect(accepted).toBeGreaterThanOrEqual((seconds - 0.5) * 100);
  // A source that sends to one gate alone has all of its limit there.
  await sleep(3_000);
  expect(await sendBatch(second.url, 100)).toMatchObject({ accepted: 100 });
}, 60_000);

test('bytes of a day are the same after a restart, and for a second gate', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-limits-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true, maxRetries: 10 }));
  const own = { ...small, HEADGATE_DATA_DIR: dataDir };
  const yaml = yamlWith('bytes_per_day: 16KiB');
  const before = await startRealService({ env: own, yaml });
  let accepted = 0;
  for (let request = 0; request < 20; request += 1) {
    accepted += (await sendBatch(before.url, 2)).accepted;
  }
  expect(accepted).toBe(40);
  await before.stop();

  await using after = await startRealService({ env: own, yaml });
  let sent = await sendBatch(after.url, 2);
  let again = 0;
  while (sent.status === 202) {
    again += sent.accepted;
    sent = await sendBatch(after.url, 2);
  }
  // An event is about 180 bytes in its request.
  expect(accepted + again).toBeGreaterThan((16 * 1024) / 220);
  expect(accepted + again).toBeLessThan((16 * 1024) / 150);
  expect(again).toBeGreaterThan(0);
  expect(sent.retryAfter).toBeGreaterThan(0);

  const natsUrl = natsUrlOf(after);
  // What the first gate took is heard, and kept.
  await sleep(2_500);
  await using second = await startRealService({
    env: { ...small, HEADGATE_NATS_URL: natsUrl, HEADGATE_DURABILITY: 'async' },
    yaml,
  });
  expect((await sendBatch(second.url, 5)).status).toBe(429);
}, 60_000);
