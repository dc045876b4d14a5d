import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { runCli } from '../cli/run-cli.ts';
import { until } from '../delivery/rig.ts';
import { startHttpServer, type RealHttpServer } from '../destinations/http-server.ts';
import { order } from '../endpoints/sample-events.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { uuidV7 } from './uuid-v7.ts';

const waitMs = 30_000;

let receiver: RealHttpServer;
let folder: string;
let real: RealService;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headgate-delivery-time-'));
  receiver = await startHttpServer((_request, response) => void response.writeHead(204).end());
  real = await start();
});

afterAll(async () => {
  await real[Symbol.asyncDispose]();
  await receiver.close();
  await rm(folder, { recursive: true, force: true });
});

function start(): Promise<RealService> {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  return startRealService({
    env: { HEADGATE_DATA_DIR: path.join(folder, 'data') },
    yaml: `destinations:
  warehouse: { type: sqlite, path: "${folder}/warehouse.db" }
  hook: { type: webhook, url: "http://127.0.0.1:${receiver.port}/in", secret: "${secret}", allow_private_addresses: true }
`,
  });
}

async function send(key: string): Promise<void> {
  const answer = await fetch(`${real.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(order({ idempotency_key: key })),
  });
  expect(((await answer.json()) as { status: string }).status).toBe('accepted');
}

interface Fate {
  readonly destination: string;
  readonly state: string;
  readonly deliveredAfter?: string;
  readonly deliveredBy?: string;
}

/** What became of an event at both destinations, once it is delivered. */
async function fates(key: string): Promise<Record<string, Fate>> {
  const found = await until(
    async () => {
      const { stdout } = await runCli(['trace', '--admin', real.adminUrl, '--json', key]);
      const [event] = (JSON.parse(stdout) as { events: { stored?: { destinations: Fate[] } }[] })
        .events;
      return event?.stored?.destinations ?? [];
    },
    (destinations) =>
      destinations.length === 2 && destinations.every(({ state }) => state === 'DELIVERED'),
    waitMs,
  );
  return Object.fromEntries(found.map((fate) => [fate.destination, fate]));
}

async function textOf(key: string): Promise<string> {
  return (await runCli(['trace', '--admin', real.adminUrl, key])).stdout;
}

test('the time of a delivery is that of the destination, a bound, or is left out after a restart', async () => {
  const key = uuidV7();
  await send(key);
  const first = await fates(key);
  const database = new DatabaseSync(`${folder}/warehouse.db`, { readOnly: true });
  const row = database
    .prepare('SELECT delivered_at FROM events WHERE idempotency_key = ?')
    .get(key)!;
  database.close();
  const deliveredMs = Date.parse(String(row['delivered_at']));
  expect(Date.parse(first['warehouse']!.deliveredBy!)).toBe(deliveredMs);
  const bound = first['hook']!.deliveredBy!;
  expect(Date.parse(bound)).toBeGreaterThanOrEqual(Date.parse(first['hook']!.deliveredAfter!));
  expect(await textOf(key)).toMatch(/^ {2}hook {2,}delivered, by \S+Z at the latest \(\+.+\)$/m);

  await real.stop();
  real = await start();
  const again = await fates(key);
  // NATS keeps the time of an acknowledgement in memory only.
  expect(again['hook']).not.toHaveProperty('deliveredBy');
  expect(await textOf(key)).toMatch(/^ {2}hook {2,}delivered, before now$/m);
  expect(Date.parse(again['warehouse']!.deliveredBy!)).toBe(deliveredMs);

  // A later event is acknowledged, which says nothing new about the first.
  const later = uuidV7();
  await send(later);
  await fates(later);
  const last = await fates(key);
  expect(Date.parse(last['warehouse']!.deliveredBy!)).toBe(deliveredMs);
  expect(await textOf(key)).toMatch(/^ {2}hook {2,}delivered, by \S+Z at the latest/m);
});
