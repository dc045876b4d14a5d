import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { createClient, type Client } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { EventResult_Status as Status } from '../../gen/headgate/v1/event_result_pb.ts';
import { RejectedService, type ReplayResult } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { hashWriteKey } from '../../src/config/write-key.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import type { Sample } from '../endpoints/sample-events.ts';
import { isNdjson, knock, wireEndpoints } from '../endpoints/wire-endpoints.ts';
import { withAdminToken } from '../admin-token.ts';

type Quarantine = Client<typeof RejectedService>;

let folder: string;
let schemas: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headgate-replay-'));
  schemas = path.join(folder, 'schemas');
  await cp('schemas', schemas, { recursive: true });
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function start(
  dataDir: string,
  env: Record<string, string> = {},
  yaml = '',
): Promise<OpenGate> {
  return openGate({
    yaml,
    env: {
      HEADGATE_DATA_DIR: path.join(folder, dataDir),
      HEADGATE_SCHEMAS_DIR: schemas,
      ...env,
    },
  });
}

function quarantineOf(gate: OpenGate): Quarantine {
  const baseUrl = gate.real.adminUrl;
  return createClient(
    RejectedService,
    createConnectTransport({ baseUrl, httpVersion: '1.1', interceptors: [withAdminToken] }),
  );
}

/** Replays every page, and returns the result of each event. */
async function replayAll(
  quarantine: Quarantine,
  request: {
    readonly pageSize?: number;
    readonly eventName?: string;
    readonly dryRun?: boolean;
  } = {},
): Promise<ReplayResult[]> {
  const { pageSize = 0, eventName = '', dryRun = false } = request;
  const results: ReplayResult[] = [];
  let pageToken = '';
  do {
    const page = await quarantine.replayRejected({
      filter: { eventName },
      pageSize,
      pageToken,
      dryRun,
    });
    results.push(...page.results);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return results;
}

const anything = { at: { type: 'number' }, deep: { type: 'object' } };

/** Adds an event to the taxonomy. */
async function plan(name: string, properties: object = anything): Promise<void> {
  const file = path.join(schemas, 'taxonomy.yaml');
  const entry = `  ${name}: { owner: shop, description: New., active: 1 }\n`;
  await writeFile(file, (await readFile(file, 'utf8')) + entry);
  await mkdir(path.join(schemas, name));
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties,
    additionalProperties: false,
  };
  await writeFile(path.join(schemas, name, '1.json'), JSON.stringify(schema));
}

const sample = (name: string, fields: Sample = {}): Sample => ({
  event_name: name,
  user_id: 'Zo\u00eb \u{1f600}',
  idempotency_key: randomUUID(),
  properties: { at: 1.5, deep: { list: [1, 'a', null, true] } },
  context: { own: 'yes' },
  ...fields,
});

describe('a replay', () => {
  test('stores each event once after its schema is fixed, from any endpoint', async () => {
    const keys = new Map<string, string>();
    let gate = await start('doors');
    for (const door of wireEndpoints) {
      const event = sample('parcel_created');
      keys.set(String(event['idempotency_key']), door.name);
      const hasFields = door.rpc === 'BatchTrack' && !isNdjson(door);
      const fields = {
        context: { shared: door.name, own: 'no' },
        sent_at: '2026-03-01T12:00:00.000Z',
      };
      const headers = { 'x-correlation-id': `c/${door.name.replaceAll(/\W/g, '-')}` };
      await knock(gate.port, door, { events: [event], headers, ...(hasFields && { fields }) });
    }
    expect(await gate.last('REJECTED')).toBe(wireEndpoints.length);
    const early = await replayAll(quarantineOf(gate), { pageSize: 7 });
    expect(early.map(({ status }) => status)).toEqual(wireEndpoints.map(() => Status.REJECTED));
    expect(early[0]!.error).toMatchObject({ code: 'unplanned_event' });
    await gate[Symbol.asyncDispose]();

    await plan('parcel_created');
    gate = await start('doors');
    const quarantine = quarantineOf(gate);
    const tried = await replayAll(quarantine, { dryRun: true, eventName: 'parcel_created' });
    expect(new Set(tried.map(({ status }) => status))).toEqual(new Set([Status.ACCEPTED]));
    expect(await gate.last('EVENTS')).toBe(0);

    const replayed = await replayAll(quarantine, { pageSize: 5, eventName: 'parcel_created' });
    expect(replayed.map(({ status }) => status)).toEqual(wireEndpoints.map(() => Status.ACCEPTED));
    const stored = await gate.events();
    expect(stored).toHaveLength(wireEndpoints.length);
    for (const { bytes, subject, header } of stored) {
      const event = JSON.parse(bytes.toString()) as Record<string, never>;
      const door = wireEndpoints.find(({ name }) => name === keys.get(event['idempotencyKey']!))!;
      expect(subject).toBe('headgate.events.0.default.parcel_created');
      expect(header('Nats-Msg-Id')).toBe(`default:${event['idempotencyKey']}`);
      expect(event).toMatchObject({
        userId: 'Zo\u00eb \u{1f600}',
        properties: { at: 1.5, deep: { list: [1, 'a', null, true] } },
        correlationId: `c/${door.name.replaceAll(/\W/g, '-')}`,
      });
      const isBatch = door.rpc === 'BatchTrack' && !isNdjson(door);
      expect(event['context']).toEqual({ own: 'yes', ...(isBatch && { shared: door.name }) });
      expect(event['sentAt']).toBe(isBatch ? '2026-03-01T12:00:00.000Z' : undefined);
      // The time it came, which is all that is known of when it happened.
      expect(Date.parse(event['occurredAt']!)).toBeLessThan(Date.parse(event['timestamp']!));
    }
    expect(await replayAll(quarantine)).toEqual([]);
    const { rejected } = await quarantine.getRejected({ sequence: replayed[0]!.sequence });
    expect(rejected!.replay).toMatchObject({ status: Status.ACCEPTED, sequence: 1n });
    // A second replay by its number reports where it is, and does not store it again.
    const again = await quarantine.replayRejected({ sequence: replayed[0]!.sequence });
    expect(again.results).toMatchObject([{ status: Status.DUPLICATE, storedSequence: 1n }]);
    expect(await gate.last('EVENTS')).toBe(wireEndpoints.length);
    await gate[Symbol.asyncDispose]();
  });

  test('finds events stored meanwhile, long after the log has forgotten their ids', async () => {
    const events = [sample('box_created'), sample('box_created'), sample('box_created')];
    const door = wireEndpoints.find(({ name }) => name.startsWith('REST batch'))!;
    const window = { HEADGATE_LOG_DEDUP_WINDOW: '1s' };
    let gate = await start('late', window);
    await knock(gate.port, door, { events });
    await gate[Symbol.asyncDispose]();
    await plan('box_created');
    gate = await start('late', window);
    // The producer retries by itself, which succeeds now.
    await knock(gate.port, door, { events: [events[1]!] });
    const quarantine = quarantineOf(gate);
    const [first] = (await quarantine.listRejected({ pageSize: 1 })).rejected;
    // A crash between storing and noting: the event is in EVENTS, but has no note.
    await knock(gate.port, door, { events: [events[0]!] });
    expect(await gate.last('EVENTS')).toBe(2);
    await sleep(2_500);

    const results = await replayAll(quarantine);
    expect(results.map(({ status, storedSequence }) => [status, storedSequence])).toEqual([
      [Status.DUPLICATE, 2n],
      [Status.DUPLICATE, 1n],
      [Status.ACCEPTED, 3n],
    ]);
    expect(await gate.last('EVENTS')).toBe(3);
    expect((await quarantine.listRejected({})).rejected).toEqual([]);
    const { rejected } = await quarantine.getRejected({ sequence: first!.sequence });
    expect(rejected!.replay!.status).toBe(Status.DUPLICATE);
    await gate[Symbol.asyncDispose]();
  });

  test('keeps events that are rejected again, with their new reason', async () => {
    await using gate = await start('refused');
    const quarantine = quarantineOf(gate);
    const door = wireEndpoints.find(({ name }) => name.startsWith('NDJSON'))!;
    await knock(gate.port, door, { events: [sample('order_completed', { user_id: 'null' })] });
    const { results } = await quarantine.replayRejected({
      sequence: 1n,
      edits: [{ path: '/user_id', valueJson: '"u-1"' }],
    });
    expect(results).toMatchObject([
      { status: Status.REJECTED, error: { code: 'schema_violation' } },
    ]);
    const { rejected } = await quarantine.listRejected({ filter: { code: 'schema_violation' } });
    expect(rejected).toMatchObject([{ sequence: 1n, replay: { status: Status.REJECTED } }]);
    expect(
      (await quarantine.listRejected({ filter: { code: 'missing_identity' } })).rejected,
    ).toEqual([]);
    const { counts } = await quarantine.countRejected({});
    expect(counts).toMatchObject([{ code: 'schema_violation', count: 1n }]);
    // The claim and the note are stored next to it, and are not rejected events.
    expect(await gate.last('REJECTED')).toBe(3);
    await expect(quarantine.getRejected({ sequence: 3n })).rejects.toThrow(/no rejected event 3/);
  });

  test('accepts events that were kept without their personal data, from any endpoint', async () => {
    const email = { type: 'string', maxLength: 100, format: 'email', 'x-pii': 'mask' };
    await plan('letter_created', { email });
    await using gate = await start('personal');
    const quarantine = quarantineOf(gate);
    for (const door of wireEndpoints) {
      const event = sample('letter_created', {
        user_id: 'null',
        properties: { email: 'zo@example.com' },
      });
      await knock(gate.port, door, { events: [event] });
    }
    const kept = (await quarantine.listRejected({ withEvents: true })).rejected;
    expect(kept).toHaveLength(wireEndpoints.length);
    for (const { eventJson } of kept) {
      expect(JSON.parse(eventJson)).toMatchObject({
        event_name: 'letter_created',
        properties: { email: '***' },
      });
    }
    const edits = [{ path: '/user_id', valueJson: '"u-1"' }];
    const { results } = await quarantine.replayRejected({ edits });
    expect(results.map(({ status }) => status)).toEqual(wireEndpoints.map(() => Status.ACCEPTED));
    expect(JSON.stringify(await gate.events())).not.toContain('zo@example.com');
  });

  test('keeps the source, and the limits of its write keys', async () => {
    const key = 'hg_test';
    const keys = `keys: [{ source: checkout, hash: "${hashWriteKey(key)}", events: ["order_*"] }]\n`;
    await using gate = await start('keys', { HEADGATE_AUTH: 'keys' }, keys);
    const quarantine = quarantineOf(gate);
    const door = wireEndpoints.find(({ name }) => name.startsWith('REST batch'))!;
    const headers = { authorization: `Bearer ${key}` };
    const events = [sample('order_completed'), sample('invoice_paid')];
    await knock(gate.port, door, { events, headers });
    const properties = { order_id: 'A', total: 1, currency: 'EUR' };
    const edits = [{ path: '/properties', valueJson: JSON.stringify(properties) }];
    const { results } = await quarantine.replayRejected({ edits });
    expect(results).toMatchObject([
      { source: 'checkout', status: Status.ACCEPTED },
      { source: 'checkout', status: Status.REJECTED, error: { code: 'event_not_allowed' } },
    ]);
    const [stored] = await gate.events();
    expect(stored!.subject).toBe('headgate.events.0.checkout.order_completed');
    expect(JSON.parse(stored!.bytes.toString())).toMatchObject({ source: 'checkout', properties });
  });

  test('uses the limits of the write keys that are in force now', async () => {
    const key = 'hg_test';
    const file = path.join(folder, 'followed.yaml');
    const write = (glob: string): Promise<void> =>
      writeFile(
        file,
        'destinations: {}\nauth: keys\nkeys:\n' +
          `  - { source: checkout, hash: "${hashWriteKey(key)}", events: ["${glob}"] }\n` +
          `  - { source: other, hash: "${hashWriteKey('another')}" }\n`,
      );
    await write('invoice_*');
    const env = {
      HEADGATE_DATA_DIR: path.join(folder, 'followed'),
      HEADGATE_SCHEMAS_DIR: schemas,
    };
    await using gate = await openGate({ env, followed: file });
    const quarantine = quarantineOf(gate);
    const door = wireEndpoints.find(({ name }) => name.startsWith('REST track'))!;
    const properties = { order_id: 'A', total: 1, currency: 'EUR' };
    const events = [sample('order_completed', { properties })];
    const headers = { authorization: `Bearer ${key}` };
    await knock(gate.port, door, { events, headers });
    const before = await quarantine.replayRejected({});
    expect(before.results).toMatchObject([{ error: { code: 'event_not_allowed' } }]);
    await write('order_*');
    process.emit('SIGHUP');
    const after = await quarantine.replayRejected({});
    expect(after.results).toMatchObject([{ source: 'checkout', status: Status.ACCEPTED }]);
  });

  test('an event whose context was too large to keep can only be replayed with --edit', async () => {
    await using gate = await start('context');
    const quarantine = quarantineOf(gate);
    const door = wireEndpoints.find(({ name }) => name.startsWith('REST batch'))!;
    // As JSON it is the text and {"a":""}: 40 KiB, and one byte more.
    for (const length of [40 * 1024 - 8, 40 * 1024 - 7]) {
      const events = [sample('order_completed', { user_id: 'null', context: { own: 1 } })];
      await knock(gate.port, door, { events, fields: { context: { a: 'x'.repeat(length) } } });
    }
    const edits = [
      { path: '/user_id', valueJson: '"u-1"' },
      { path: '/properties', valueJson: '{"order_id":"A","total":1,"currency":"EUR"}' },
    ];
    const { results } = await quarantine.replayRejected({ edits });
    expect(results).toMatchObject([
      { status: Status.ACCEPTED },
      { status: Status.RETRY, error: { message: expect.stringContaining('too large to be kept') } },
    ]);
    const replacementJson = JSON.stringify({
      ...sample('order_completed'),
      properties: { order_id: 'A', total: 1, currency: 'EUR' },
    });
    const replaced = await quarantine.replayRejected({ sequence: 2n, replacementJson });
    expect(replaced.results).toMatchObject([{ status: Status.ACCEPTED }]);
  });

  test('walks many events in pages, and refuses requests above its limits', async () => {
    await using gate = await start('many');
    const quarantine = quarantineOf(gate);
    const door = wireEndpoints.find(({ name }) => name.startsWith('NDJSON'))!;
    for (let batch = 0; batch < 6; batch += 1) {
      const events = Array.from({ length: 1_000 }, () => sample('lost_created'));
      await knock(gate.port, door, { events });
    }
    let pageToken = '';
    let pages = 0;
    let count = 0n;
    do {
      const page = await quarantine.countRejected({ pageToken });
      count += page.counts.reduce((sum, each) => sum + each.count, 0n);
      pageToken = page.nextPageToken;
      pages += 1;
    } while (pageToken !== '');
    expect(count).toBe(6_000n);
    expect(pages).toBeGreaterThan(1);
    await expect(quarantine.listRejected({ pageSize: 501 })).rejects.toThrow(/at most 500/);
    await expect(quarantine.listRejected({ pageToken: 'x' })).rejects.toThrow(/page_token/);
    await expect(quarantine.countRejected({ pageToken: 'events:1-1-9' })).rejects.toThrow(
      /page_token is the next_page_token of another list/,
    );
    await expect(quarantine.countRejected({ bucketSeconds: 59 })).rejects.toThrow(/at least 60/);
    await expect(quarantine.replayRejected({ replacementJson: '{}' })).rejects.toThrow(/sequence/);
    const edits = Array.from({ length: 101 }, () => ({ path: '/user_id', valueJson: '1' }));
    const tooMany = await quarantine.replayRejected({ sequence: 1n, edits });
    expect(tooMany.results).toMatchObject([
      { status: Status.RETRY, error: { code: 'invalid_edit' } },
    ]);
    expect(await quarantine.listRejected({ filter: { source: '*' } })).toMatchObject({
      rejected: [],
    });
    expect(await quarantine.listRejected({ filter: { eventName: '>' } })).toMatchObject({
      rejected: [],
    });
  });
});
