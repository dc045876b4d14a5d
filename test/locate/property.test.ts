import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { EventService } from '../../gen/headgate/v1/event_service_pb.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { withAdminToken } from '../admin-token.ts';
import { runCli } from '../cli/run-cli.ts';
import { publishEvents, until } from '../delivery/rig.ts';
import { startHttpServer, type RealHttpServer } from '../destinations/http-server.ts';
import { order, type Sample } from '../endpoints/sample-events.ts';
import { natsStream } from '../nats-stream.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { uuidV7 } from './uuid-v7.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const properties = { order_id: 'A-1', total: 49.9, currency: 'EUR' };

/** One event in the output of `--json`. */
interface Located {
  readonly stored?: { readonly sequence: string; readonly destinations: readonly Fate[] };
  readonly rejected?: Record<string, unknown>;
  readonly deadLetter?: Record<string, unknown>;
}

interface Fate {
  readonly destination: string;
  readonly state: string;
}

let refusing: RealHttpServer;
let real: RealService;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headgate-property-'));
  refusing = await startHttpServer((_request, response) => void response.writeHead(422).end());
  real = await startRealService({
    yaml: `destinations:
  warehouse: { type: sqlite, path: "${folder}/warehouse.db" }
  other: { type: sqlite, path: "${folder}/other.db", events: ["invoice_*"] }
  refusing: { type: webhook, url: "http://127.0.0.1:${refusing.port}/in", secret: "${secret}", allow_private_addresses: true, retry: { attempts: 1 } }
`,
  });
});
afterAll(async () => {
  await real[Symbol.asyncDispose]();
  await refusing.close();
  await rm(folder, { recursive: true, force: true });
});

async function send(event: Sample, correlationId: string = randomUUID()): Promise<void> {
  const answer = await fetch(`${real.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-correlation-id': correlationId },
    body: JSON.stringify(event),
  });
  await answer.arrayBuffer();
}

function run(...args: string[]) {
  return runCli(['trace', '--admin', real.adminUrl, ...args]);
}

/** Waits until an event is a dead letter. */
function deadAt(key: string): Promise<Located> {
  return until(
    async () => {
      const { stdout } = await run('--json', key);
      return (JSON.parse(stdout) as { events: Located[] }).events[0]!;
    },
    (event) =>
      event?.stored?.destinations.some(
        ({ destination, state }) => destination === 'refusing' && state === 'DEAD',
      ) === true,
    30_000,
  );
}

const eventClient = (adminUrl: string) =>
  createClient(
    EventService,
    createGrpcTransport({ baseUrl: adminUrl, interceptors: [withAdminToken] }),
  );

describe('headgate trace --property', () => {
  const lines = (text: string): Located[] =>
    text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Located]));

  test('finds an accepted and a rejected event by its value, and what became of them', async () => {
    const orderId = `A-${randomUUID()}`;
    await send(order({ properties: { ...properties, order_id: orderId } }));
    await send(order({ properties: { ...properties, order_id: orderId, total: 'x' } }));
    for (const searched of [orderId, `order_id=${orderId}`]) {
      const { stdout, code } = await run('--property', searched);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^order_completed /m);
      expect(stdout).toMatch(/^ {2}other .* not wanted/m);
      expect(stdout).toMatch(/^order_completed rejected/m);
    }
    const other = await run('--property', `total=${orderId}`);
    expect({ code: other.code, stdout: other.stdout }).toEqual({ code: 1, stdout: '' });
    expect(other.stderr).toMatch(/None of the [\d,]+ events since .* has this property/);
    expect(other.stderr).toContain(`where properties->>'$.total' = '${orderId}'" for SQLite.`);
  });

  test('lists more than five in a table, without their destinations', async () => {
    const coupon = `SPRING-${randomUUID()}`;
    for (let sent = 0; sent < 6; sent += 1) {
      await send(order({ properties: { ...properties, coupon } }));
    }
    const { stdout } = await run('--property', coupon);
    expect(stdout.match(/order_completed/g)).toHaveLength(6);
    expect(stdout).not.toContain('not wanted');
  });

  test('with an id and a person, finds what matches any of them', async () => {
    const client = eventClient(real.adminUrl);
    const text = `u-${randomUUID()}`;
    await send(order({ user_id: text }));
    await send(order({ properties: { ...properties, coupon: text } }));
    await send(order(), text);
    const { events } = await client.locate({ id: text, user: text, property: text });
    expect(events).toHaveLength(3);
    const ids = events.map(
      ({ place }) => place.case === 'stored' && place.value.destinations.length,
    );
    expect(ids).toEqual([3, 3, 3]);
  });

  test('finds a dead letter whose event the log has deleted, once', async () => {
    const orderId = `A-${randomUUID()}`;
    const key = uuidV7();
    await send(order({ idempotency_key: key, properties: { ...properties, order_id: orderId } }));
    const { stored } = await deadAt(key);
    const sequence = Number(stored!.sequence);
    const { manager } = clientsForTests(real.service.log);
    const search = async (...args: string[]): Promise<Located[]> =>
      lines((await run('--property', orderId, '--json', ...args)).stdout);
    expect((await search()).map((each) => Object.keys(each)[0])).toEqual(['stored']);
    await manager.streams.deleteMessage(natsStream('EVENTS'), sequence);
    const [dead] = await search();
    expect(dead).toMatchObject({ deadLetter: { destination: 'refusing' } });
    expect(await search('--source', 'unknown')).toEqual([]);
    const byId = await run(key);
    expect(byId.stdout).toMatch(/the log has deleted the event/);
  });

  test('refuses a value of 257 characters, and takes one of 256', async () => {
    expect((await run('--property', 'x'.repeat(256))).stderr).toContain('None of the');
    expect((await run('--property', 'x'.repeat(257))).stderr).toContain(
      'property has 257 characters; at most 256',
    );
  });

  test('a page ends after 20,000 events, and the next one goes on', async () => {
    const client = eventClient(real.adminUrl);
    const orderId = `A-${randomUUID()}`;
    const since = timestampFromMs(Date.now());
    await publishEvents(real.service.log, 20_001);
    await send(order({ properties: { ...properties, order_id: orderId } }));
    const locate = (pageToken: string) => client.locate({ property: orderId, since, pageToken });
    const first = await locate('');
    expect(first.events).toEqual([]);
    expect(first.walk!.reached - first.walk!.from + 1n).toBeLessThanOrEqual(20_000n);
    let { nextPageToken } = first;
    expect(nextPageToken).not.toBe('');
    let found = 0;
    while (nextPageToken !== '') {
      const page = await locate(nextPageToken);
      found += page.events.length;
      ({ nextPageToken } = page);
    }
    expect(found).toBe(1);
  });
});
