import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { hashOperatorToken, newOperatorToken } from '../../src/config/operators/operator-token.ts';
import { createHourCounts, encodeHourCounts, hourMs } from '../../src/counts/hour-counts.ts';
import { writeCountEntry } from '../../src/jetstream/counts/count-entries.ts';
import { startHttpServer, type RealHttpServer } from '../destinations/http-server.ts';
import { startRealService, type RealService } from '../real-service.ts';

/** A service as a team has it: events, refused ones, a destination that is away, and dead letters. */
export interface ConsoleWorld extends AsyncDisposable {
  readonly real: RealService;
  readonly viewerToken: string;
  /** Answers 503 until told otherwise: the destination `crm` is parked. */
  readonly crm: RealHttpServer;
  /** Answers 400 for invoices without a plan: they become dead letters of `billing`. */
  readonly billing: RealHttpServer;
  send(source: Source, ...events: readonly object[]): Promise<void>;
  /** At most 1,000 in one request. */
  sendBatch(source: Source, events: readonly object[]): Promise<void>;
}

const keys = { shop: 'key-of-the-shop-0123456789', web: 'key-of-the-web-0123456789' };
export type Source = keyof typeof keys;

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

export async function startConsoleWorld(
  env: Readonly<Record<string, string>> = {},
): Promise<ConsoleWorld> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-console-'));
  await writeContracts(path.join(folder, 'schemas'));
  const crm = await startHttpServer((_request, response) => response.writeHead(503).end());
  const billing = await startHttpServer(({ body }, response) => {
    const isFixed = body.includes('"plan"');
    response.writeHead(isFixed ? 200 : 400).end(isFixed ? '' : 'plan is missing');
  });
  const viewerToken = newOperatorToken();
  const hook = (port: number): string =>
    `type: webhook, url: "http://127.0.0.1:${port}/events", secret: "${secret}", allow_private_addresses: true`;
  const real = await startRealService({
    env: { HEADGATE_SCHEMAS_DIR: path.join(folder, 'schemas'), ...env },
    yaml: `
auth: keys
keys:
${Object.entries(keys)
  .map(([source, key]) => `  - { source: ${source}, hash: "${hashWriteKey(key)}" }`)
  .join('\n')}
operators:
  - { name: vera, role: viewer, hash: "${hashOperatorToken(viewerToken)}" }
destinations:
  warehouse: { type: sqlite, path: ${path.join(folder, 'warehouse.db')} }
  crm: { ${hook(crm.port)}, events: ["order_*"] }
  billing: { ${hook(billing.port)}, events: ["invoice_*"], retry: { attempts: 1, base: 10ms, cap: 10ms } }
`,
  });
  return {
    real,
    viewerToken,
    crm,
    billing,
    send: async (source, ...events) => {
      for (const event of events) await post(`${real.url}/v1/track`, keys[source], withKey(event));
    },
    sendBatch: (source, events) =>
      post(`${real.url}/v1/batch`, keys[source], { events: events.map(withKey) }),
    [Symbol.asyncDispose]: async () => {
      await real[Symbol.asyncDispose]();
      await Promise.all([crm.close(), billing.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Those of the repository, with a stricter third version of order_completed that is not active yet. */
async function writeContracts(folder: string): Promise<void> {
  await cp(new URL('../../schemas', import.meta.url), folder, { recursive: true });
  const taxonomy = path.join(folder, 'taxonomy.yaml');
  const text = await readFile(taxonomy, 'utf8');
  await writeFile(taxonomy, text.replace('unplanned: reject', 'unplanned: warn'));
  const second = JSON.parse(
    await readFile(path.join(folder, 'order_completed/2.json'), 'utf8'),
  ) as { required: string[] };
  second.required.push('payment_method');
  await writeFile(path.join(folder, 'order_completed/3.json'), JSON.stringify(second));
}

function withKey(event: object): object {
  return { idempotency_key: randomUUID(), ...event };
}

async function post(url: string, key: string, body: object): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  // What is refused is answered, too: with a status of its own.
  await answer.arrayBuffer();
}

/** An order that keeps the contract, of a person of its own. */
export function order(number: number, properties: object = {}): object {
  return {
    event_name: 'order_completed',
    user_id: `user-${number}`,
    properties: {
      order_id: `A-${1000 + number}`,
      total: 20 + number,
      currency: 'EUR',
      ...properties,
    },
  };
}

export function invoice(number: number, properties: object = {}): object {
  return {
    event_name: 'invoice_paid',
    user_id: `user-${number}`,
    properties: { invoice_id: `I-${number}`, amount: 100 + number, currency: 'EUR', ...properties },
  };
}

/** Counts of eight days, as gates would have written them, with a dip and a day of refusals. */
export async function writeHourCounts({ service }: RealService): Promise<void> {
  const thisHour = Math.floor(Date.now() / hourMs);
  for (let hour = thisHour - 191; hour < thisHour; hour += 1) {
    const counts = createHourCounts(hour);
    const wave = 1 + Math.sin(((hour % 24) / 24) * 2 * Math.PI);
    counts.add('order_completed', 'shop', 'accepted', Math.round(400 * wave + (hour % 7) * 20));
    counts.add('order_completed', 'shop', 'rejected', hour % 24 > 15 ? 12 + (hour % 5) : 2);
    counts.add('invoice_paid', 'shop', 'dead', hour % 11 === 0 ? 3 : 0);
    counts.addDelivered('warehouse', Math.round(390 * wave));
    counts.addDelivered('crm', 7);
    await writeCountEntry(service.log, hour, 'test', encodeHourCounts(counts));
  }
}
