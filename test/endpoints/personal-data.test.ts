import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { decodeOriginal } from '../../src/gate/decode/decode-original.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { until } from '../delivery/rig.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order, type Sample } from './sample-events.ts';
import { schemasWith } from './schemas-folder.ts';
import { knock, wireEndpoints } from './wire-endpoints.ts';
import { natsStream } from '../nats-stream.ts';

const address = 'ann.secret@example.com';
const schema = {
  type: 'object',
  properties: {
    email: { type: 'string', maxLength: 254, format: 'email', 'x-pii': 'hash' },
    name: { type: 'string', 'x-pii': 'mask' },
    card: { 'x-pii': 'drop' },
    total: { type: 'number' },
  },
  required: ['total'],
};
const personal = { email: address, name: 'Ann Secretson', card: 'SECRET-4111' };
const paid = (fields: object) =>
  order({ event_name: 'order_paid', properties: { ...personal, total: 5, ...fields } });
const env = (folder: string) => ({
  HEADGATE_SCHEMAS_DIR: folder,
  HEADGATE_PII_HASH_KEY: 'a key of this test and of nothing else',
});
const token = expect.stringMatching(/^hmac-sha256:[0-9a-f]{64}$/);
const schemas = schemasWith({ order_paid: { entry: 'active: 1', versions: [schema] } });

afterAll(() => schemas[Symbol.dispose]());

describe('personal data', () => {
  let gate: OpenGate;
  let log = '';

  beforeAll(async () => {
    const logger = pino({ level: 'trace' }, { write: (line: string) => void (log += line) });
    gate = await openGate({ env: env(schemas.folder), logger });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
  });

  test.for(wireEndpoints)('is not stored, and a retry is a duplicate: $name', async (door) => {
    const after = await gate.last('EVENTS');
    const sent = paid({});
    const answer = await knock(gate.port, door, { events: [sent] });
    expect(answer.results[0]?.status, answer.raw).toBe('accepted');
    const [stored] = await gate.events(after);
    const kept = JSON.parse(stored!.bytes.toString()) as Record<string, unknown>;
    expect(kept['properties']).toEqual({ email: token, name: '***', total: 5 });
    const again = await knock(gate.port, door, { events: [sent] });
    expect(again.results[0]).toMatchObject({ status: 'duplicate', warnings: [] });
    const other = { ...sent, properties: { ...personal, total: 5, email: 'eve@example.com' } };
    const reused = await knock(gate.port, door, { events: [other] });
    expect(reused.results[0]).toMatchObject({
      status: 'duplicate',
      warnings: [{ code: 'idempotency_key_reused' }],
    });
  });

  const refused: readonly (readonly [what: string, sent: Sample])[] = [
    ['a violation', paid({ total: 'five' })],
    ['an unknown name', { ...paid({}), event_name: 'order_payd' }],
    ['an unknown version', { ...paid({}), schema_version: 9 }],
    ['no identity', { ...paid({}), user_id: '' }],
  ];

  test.for(wireEndpoints)(
    'is not kept of what is rejected, which can be replayed: $name',
    async (door) => {
      for (const [what, sent] of refused) {
        const after = await gate.last('REJECTED');
        const answer = await knock(gate.port, door, { events: [sent] });
        expect(answer.raw, what).not.toMatch(/secret/i);
        const [kept] = await gate.rejected(after);
        expect(kept!.header('Headgate-Redacted')).toBe('true');
        expect(kept!.bytes.toString('latin1'), what).not.toMatch(/secret/i);
        expect(kept!.bytes.toString()).toContain('hmac-sha256:');
        expect(kept!.header('Headgate-Error')).not.toMatch(/secret/i);
        // Decoded as a replay decodes it.
        const event = decodeOriginal({
          door: kept!.header('Headgate-Door'),
          contentType: kept!.header('Headgate-Content-Type'),
          bytes: kept!.bytes,
          isSame: ({ idempotencyKey }) => idempotencyKey === sent['idempotency_key'],
        });
        expect(event.fault, what).toBeUndefined();
        expect(event).toMatchObject({
          eventName: sent['event_name'],
          idempotencyKey: sent['idempotency_key'],
          properties: { email: token, name: '***' },
        });
      }
    },
  );

  test('is not in the log output', () => {
    expect(log).not.toBe('');
    expect(log).not.toMatch(/secret/i);
  });
});

test('personal data is not in dead letters', async () => {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(400).end('no');
  });
  await using far = await listening(server);
  await using real = await startRealService({
    env: env(schemas.folder),
    yaml: `destinations:
  crm: { type: webhook, url: "${far.url}", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, allow_private_addresses: true, retry: { attempts: 1 } }
`,
  });
  const response = await fetch(`${real.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(paid({})),
  });
  expect(response.status).toBe(202);
  const letters = await until(
    () => messagesOf(real, 'DEAD'),
    (found) => found.length > 0,
  );
  const everything = [...letters, ...(await messagesOf(real, 'ATTEMPTS'))].join('\n');
  expect(everything).toContain('hmac-sha256:');
  expect(everything).not.toMatch(/secret/i);
});

test('a hash without a key stops the start', async () => {
  const { HEADGATE_PII_HASH_KEY: _, ...without } = env(schemas.folder);
  await expect(startRealService({ env: without })).rejects.toThrow(
    /order_paid.*HEADGATE_PII_HASH_KEY/,
  );
  const short = { ...without, HEADGATE_PII_HASH_KEY: 'x'.repeat(31) };
  await expect(startRealService({ env: short })).rejects.toThrow(/fewer than 32 characters/);
});

async function messagesOf(
  { service }: RealService,
  stream: 'DEAD' | 'ATTEMPTS',
): Promise<string[]> {
  const { manager } = clientsForTests(service.log);
  const { state } = await manager.streams.info(natsStream(stream));
  const found: string[] = [];
  for (let sequence = Math.max(1, state.first_seq); sequence <= state.last_seq; sequence += 1) {
    const message = await manager.streams.getMessage(natsStream(stream), { seq: sequence });
    if (message !== null) found.push(Buffer.from(message.data).toString());
  }
  return found;
}

async function listening(server: Server): Promise<AsyncDisposable & { readonly url: string }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
