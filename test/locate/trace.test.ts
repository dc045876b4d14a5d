import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { connectAdmin } from '../../src/cli/admin-client.ts';
import { runCli } from '../cli/run-cli.ts';
import { countMessages, publishEvents, until } from '../delivery/rig.ts';
import { startHttpServer, type RealHttpServer } from '../destinations/http-server.ts';
import { order, type Sample } from '../endpoints/sample-events.ts';
import { adminToken } from '../admin-token.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { uuidV7 } from './uuid-v7.ts';
import { natsStream } from '../nats-stream.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const waitMs = 30_000;
const properties = { order_id: 'A-1', total: 49.9, currency: 'EUR' };

/** One event in the output of `--json`. */
interface Located {
  readonly stored?: Record<string, unknown> & { readonly destinations: readonly Fate[] };
  readonly rejected?: Record<string, unknown>;
}

interface Fate {
  readonly destination: string;
  readonly state: string;
  readonly [name: string]: unknown;
}

let refusing: RealHttpServer;
let later: RealHttpServer;
let hanging: RealHttpServer;
/** A closed server. */
let away: RealHttpServer;
let real: RealService;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headgate-trace-'));
  refusing = await startHttpServer(
    (_request, response) => void response.writeHead(422).end('\u001b[31mno\u0007'),
  );
  later = await startHttpServer((_request, response) => void response.writeHead(404).end());
  hanging = await startHttpServer(() => {});
  away = await startHttpServer(() => {});
  await away.close();
  const webhook = (server: RealHttpServer): string =>
    `type: webhook, url: "http://127.0.0.1:${server.port}/in", secret: "${secret}", ` +
    'allow_private_addresses: true, timeout: 20s, concurrency: 1';
  real = await startRealService({
    yaml: `destinations:
  warehouse: { type: sqlite, path: "${folder}/warehouse.db" }
  other: { type: sqlite, path: "${folder}/other.db", events: ["invoice_*"] }
  refusing: { ${webhook(refusing)}, retry: { attempts: 1 } }
  hanging: { ${webhook(hanging)} }
  away: { ${webhook(away)}, events: ["order_*"] }
  later: { ${webhook(later)}, retry: { attempts: 5, base: 1h } }
`,
  });
});

afterAll(async () => {
  await hanging.close();
  await real[Symbol.asyncDispose]();
  await Promise.all([refusing.close(), later.close()]);
  await rm(folder, { recursive: true, force: true });
});

async function send(event: Sample, correlationId: string = randomUUID()): Promise<Response> {
  return fetch(`${real.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-correlation-id': correlationId },
    body: JSON.stringify(event),
  });
}

function run(...args: string[]) {
  return runCli(['trace', '--admin', real.adminUrl, ...args]);
}

async function located(...args: string[]): Promise<Located[]> {
  const { stdout } = await run('--json', ...args);
  return (JSON.parse(stdout) as { events: Located[] }).events;
}

/** Waits until the destinations report these states for an event. */
function settledAt(id: string, states: Readonly<Record<string, string>>): Promise<Located> {
  return until(
    async () => (await located(id))[0]!,
    (event) =>
      event?.stored !== undefined &&
      Object.entries(states).every(([name, state]) => fateOf(event, name)['state'] === state),
    waitMs,
  );
}

function fateOf({ stored }: Located, destination: string): Fate {
  return stored!.destinations.find((fate) => fate.destination === destination)!;
}

describe('headgate trace', () => {
  test('shows the times, the source and every destination of a stored event', async () => {
    const key = uuidV7();
    const correlationId = `c-${randomUUID()}`;
    const occurredAt = new Date(Date.now() - 60_000).toISOString();
    const answer = await send(
      order({ idempotency_key: key, occurred_at: occurredAt }),
      correlationId,
    );
    const verdict = (await answer.json()) as Record<string, unknown>;
    const event = await settledAt(key, {
      warehouse: 'DELIVERED',
      other: 'FILTERED',
      refusing: 'DEAD',
      hanging: 'IN_WORK',
      later: 'RETRYING',
      away: 'RETRYING',
    });
    expect(event.stored).toMatchObject({
      sequence: String(verdict['sequence']),
      eventId: verdict['event_id'],
      idempotencyKey: key,
      correlationId,
      eventName: 'order_completed',
      source: 'default',
      door: 'rest',
      schemaVersion: 2,
      occurredAt,
      receivedAt: verdict['timestamp'],
      storedAt: expect.any(String),
    });
    const warehouse = fateOf(event, 'warehouse');
    expect(warehouse['asked']).toBe(true);
    const [after, by] = [warehouse['deliveredAfter'], warehouse['deliveredBy']].map((text) =>
      Date.parse(String(text)),
    );
    expect(after).toBeGreaterThanOrEqual(Date.parse(String(event.stored!['storedAt'])));
    // The warehouse records when it stored a row.
    expect(by).toBe(after);
    expect(by).toBeLessThanOrEqual(Date.now());
    expect(fateOf(event, 'refusing')).toMatchObject({
      reason: expect.stringContaining('422'),
      deadLetterId: `refusing:${verdict['sequence']}`,
      endedAt: expect.any(String),
      attempts: [expect.objectContaining({ attempt: 1, status: '422', correlationId })],
    });
    const next = Date.parse(String(fateOf(event, 'later')['nextAttempt']));
    expect(next).toBeGreaterThan(Date.now() - waitMs);
    expect(next).toBeLessThan(Date.now() + 3_600_000);
    expect(fateOf(event, 'later')['attempts']).toHaveLength(1);
    // Each id of the event finds it.
    for (const id of [String(verdict['event_id']), correlationId, key.toUpperCase()]) {
      expect((await located(id)).map(({ stored }) => stored?.['eventId'])).toEqual([
        verdict['event_id'],
      ]);
    }

    const { code, stdout } = await run(key);
    expect(code).toBe(0);
    expect(stdout).toContain(`order_completed ${verdict['event_id']}`);
    expect(stdout).toMatch(/^ {2}accepted {2,}\S+Z {2,}schema version 2$/m);
    expect(stdout).toMatch(
      /^ {2}stored {2,}\S+Z {2,}\+\d+ ms {2,}in the log \(EVENTS\), at position \d+$/m,
    );
    expect(stdout).toMatch(/^ {2}warehouse .*delivered; the destination says that it has it$/m);
    expect(stdout).toMatch(/^ {2}other {2,}not wanted/m);
    expect(stdout).toMatch(/^ {2}refusing .*dead: .*headgate dead show refusing:\d+$/m);
    // Control characters in a destination's answer do not reach the terminal.
    expect([stdout.includes('\u001b'), stdout.includes('\u0007')]).toEqual([false, false]);
  });

  test('shows why a destination is parked, and when its next probe is due', async () => {
    const key = uuidV7();
    await (await send(order({ idempotency_key: key }))).body?.cancel();
    const event = await until(
      async () => (await located(key))[0]!,
      (found) => found !== undefined && fateOf(found, 'away')['nextProbe'] !== undefined,
      waitMs,
    );
    expect(fateOf(event, 'away')).toMatchObject({
      reason: expect.stringMatching(/^parked: no answer from/),
    });
  });

  test('shows an event that waits behind a hanging destination', async () => {
    // The hanging receiver has one call. Events above the limit of deliveries wait in the log.
    const [first] = await publishEvents(real.service.log, 1);
    const event = await until(
      async () => (await located(first!))[0]!,
      (found) => found !== undefined,
      waitMs,
    );
    const fate = fateOf(event, 'hanging');
    expect(['WAITING', 'IN_WORK']).toContain(fate['state']);
  });

  test('follows a dead letter that is discarded, or fails again after a replay', async () => {
    const client = connectAdmin(
      DeadLetterService,
      { admin: real.adminUrl },
      { HEADGATE_ADMIN_TOKEN: adminToken },
    );
    const keys = [uuidV7(), uuidV7()];
    const ids: string[] = [];
    for (const key of keys) {
      await (await send(order({ idempotency_key: key }))).body?.cancel();
      const event = await settledAt(key, { refusing: 'DEAD' });
      ids.push(String(fateOf(event, 'refusing')['deadLetterId']));
    }
    await client.call((service) => service.discardDeadLetter({ id: ids[0]!, why: 'a test order' }));
    const discarded = await settledAt(keys[0]!, { refusing: 'DISCARDED' });
    expect(fateOf(discarded, 'refusing')['reason']).toBe('a test order');
    await client.call((service) => service.replayDeadLetter({ id: ids[1]! }));
    const again = await until(
      async () => (await located(keys[1]!))[0]!,
      (event) =>
        fateOf(event, 'refusing')['state'] === 'DEAD' &&
        fateOf(event, 'refusing')['replayedAt'] !== undefined,
      waitMs,
    );
    expect(fateOf(again, 'refusing')['attempts']).toHaveLength(2);
    // Replay it again; the destination now accepts it.
    const answerOld = refusing.respond;
    refusing.respond = (_request, response) => void response.writeHead(204).end();
    await client.call((service) =>
      service.replayDeadLetter({ id: String(fateOf(again, 'refusing')['deadLetterId']) }),
    );
    await settledAt(keys[1]!, { refusing: 'DELIVERED' });
    refusing.respond = answerOld;
  });

  test('finds rejected events by the same ids', async () => {
    const key = uuidV7();
    const correlationId = `c-${randomUUID()}`;
    const answer = await send(order({ idempotency_key: key, properties: {} }), correlationId);
    expect(answer.status).toBe(422);
    for (const id of [key, correlationId]) {
      expect(await located(id)).toEqual([
        {
          rejected: expect.objectContaining({
            idempotencyKey: key,
            correlationId,
            source: 'default',
            door: 'rest',
            error: expect.objectContaining({ code: 'schema_violation' }),
          }),
        },
      ]);
    }
    const { stdout } = await run(key);
    expect(stdout).toMatch(/^ {2}rejected {2,}\S+Z {2,}schema_violation: /m);
    expect(stdout).toMatch(/headgate rejected show \d+$/m);
  });

  test("finds an event by the id that a vendor's SDK gave it", async () => {
    const messageId = `node-next-1700000000000-${randomUUID()}`;
    const answer = await fetch(`${real.url}/v1/segment/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Basic ${btoa('key:')}` },
      body: JSON.stringify({
        batch: [{ type: 'track', event: 'Order Completed', userId: 'u-1', messageId, properties }],
      }),
    });
    expect(answer.ok).toBe(true);
    const found = await located(messageId);
    expect(found.map(({ stored }) => stored?.['eventName'])).toEqual(['order_completed']);
  });

  test('finds a rejected event by its name in any form', async () => {
    const key = uuidV7();
    await send(order({ idempotency_key: key, event_name: 'Cafe\u0301 Visited' }), 'c-name');
    for (const name of ['Cafe\u0301 Visited', 'Caf\u00e9 Visited']) {
      const [found] = await located(key, '--event', name);
      expect(found!.rejected!['idempotencyKey']).toBe(key);
    }
  });

  test('reports the start of the search when it finds nothing', async () => {
    const made = Date.now() - 3_600_000;
    const { code, stdout, stderr } = await run(uuidV7(made));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`Nothing since ${new Date(made - 60_250).toISOString()}`);
    const other = await run(
      randomUUID(),
      '--since',
      '2h',
      '--source',
      'nobody',
      '--event',
      'order_completed',
    );
    expect(other.code).toBe(1);
  });

  test('writes nothing', async () => {
    const streams = ['EVENTS', 'REJECTED', 'ATTEMPTS', 'DEAD', 'REPLAY'] as const;
    const { log } = real.service;
    const key = uuidV7();
    await (await send(order({ idempotency_key: key }))).body?.cancel();
    await settledAt(key, { warehouse: 'DELIVERED', refusing: 'DEAD', later: 'RETRYING' });
    // Attempts at the hanging destination end, and the absent one is probed, at any time.
    const state = async (name: string): Promise<object> => {
      const { manager } = clientsForTests(log);
      const { consumer_count, subjects } = (
        await manager.streams.info(natsStream(name), { subjects_filter: '>' })
      ).state;
      const counts = Object.entries(subjects ?? {}).filter(([each]) => !/hanging|away/.test(each));
      return { name, consumer_count, counts: Object.fromEntries(counts) };
    };
    const before = await Promise.all(streams.map(state));
    await run(key);
    expect(await Promise.all(streams.map(state))).toEqual(before);
    expect(JSON.stringify(before)).toContain('later');
  });

  test.each([
    ['', 'id is missing'],
    ['a b', 'id is missing'],
    ['x'.repeat(129), 'id is missing'],
  ])('refuses an invalid id: %j', async (id, sentence) => {
    const { code, stderr } = await run('--', id);
    expect(code).toBe(1);
    expect(stderr).toContain(sentence);
  });

  test('finds an event whose producer has a clock that is ahead', async () => {
    const key = uuidV7(Date.now() + 20_000);
    await (await send(order({ idempotency_key: key }))).body?.cancel();
    expect(await located(key)).toHaveLength(1);
  });

  test('accepts an id of the maximum length', async () => {
    const correlationId = 'x'.repeat(128);
    await (await send(order(), correlationId)).body?.cancel();
    expect(await located(correlationId)).toHaveLength(1);
  });

  test('finds every event of a batch by its correlation id, over several pages', async () => {
    const correlationId = randomUUID();
    const before = await countMessages(real.service.log, 'EVENTS');
    const others = await publishEvents(real.service.log, 6_000);
    const answer = await fetch(`${real.url}/v1/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-correlation-id': correlationId },
      body: JSON.stringify({ events: [order(), order({ properties: {} }), order()] }),
    });
    expect(answer.status).toBe(207);
    const found = await located(correlationId, '--all');
    expect(found.map((event) => Object.keys(event)[0])).toEqual(['rejected', 'stored', 'stored']);
    // The time is not in this key, and the event is behind more than one page.
    const last = await located(others.at(-1)!);
    expect(last).toHaveLength(1);
    const sequence = Number(last[0]!.stored!['sequence']);
    expect(sequence).toBeGreaterThan(before + 5_000);
    const fate = fateOf(last[0]!, 'hanging');
    expect(fate).toMatchObject({ state: 'WAITING', ahead: expect.any(String) });
    expect(Number(fate['ahead'])).toBeGreaterThan(5_000);
  });
});
