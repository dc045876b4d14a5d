import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { RedeliveryService } from '../../gen/headgate/v1/redelivery_service_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import { hashWriteKey } from '../../src/config/write-key.ts';
import { connect } from '../audit/audit-rig.ts';
import { startHttpServer } from '../destinations/http-server.ts';
import { startRealService, type RealService } from '../real-service.ts';

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-observe-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A first contract as it is written for an application: nothing else is turned away. */
function firstContracts(): string {
  const folder = temporaryFolder();
  const text = [
    'naming: any',
    'unplanned: warn',
    'aliases: { Kauf: Order Completed }',
    'events:',
    '  Order Completed: { owner: shop, description: Paid., active: 1 }',
    '  Login: { owner: shop, description: Signed in., mode: off }',
  ];
  writeFileSync(path.join(folder, 'taxonomy.yaml'), text.join('\n'));
  mkdirSync(path.join(folder, '+order=20+completed'));
  const properties = { total: { type: 'number' } };
  const schema = { type: 'object', additionalProperties: false, required: ['total'], properties };
  writeFileSync(path.join(folder, '+order=20+completed', '1.json'), JSON.stringify(schema));
  return folder;
}

async function send(
  { url }: RealService,
  eventName: string,
  properties: object = { total: 1 },
  key = '',
): Promise<{ readonly status: string; readonly code?: string; readonly warnings?: object[] }> {
  const answer = await fetch(`${url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({
      event_name: eventName,
      user_id: 'u-1',
      idempotency_key: randomUUID(),
      properties,
    }),
  });
  return (await answer.json()) as never;
}

test('an event of any name is filtered, delivered, dead, replayed and sent again by its name', async () => {
  const hook = await startHttpServer((_request, response) => response.writeHead(422).end());
  onTestFinished(() => hook.close());
  const names = (): string[] =>
    hook.received.map(({ body }) => (JSON.parse(body.toString()) as { type: string }).type);
  await using real = await startRealService({
    env: { HEADGATE_SCHEMAS_DIR: firstContracts(), HEADGATE_AUTH: 'keys' },
    yaml: [
      'destinations:',
      '  crm:',
      '    type: webhook',
      `    url: http://127.0.0.1:${hook.port}/`,
      '    secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      '    allow_private_addresses: true',
      '    events: ["Order *", "100\\\\* *"]',
      '    retry: { attempts: 1 }',
      'keys:',
      `  - { source: shop, hash: "${hashWriteKey('hg_all')}" }`,
      `  - { source: till, hash: "${hashWriteKey('hg_orders')}", events: ["Order *"] }`,
    ].join('\n'),
  });
  const track = (name: string, properties?: object, key = 'hg_all') =>
    send(real, name, properties, key);
  expect(await track('Order Completed', { total: 'x' })).toMatchObject({
    code: 'schema_violation',
  });
  expect(await track('Order Completed')).toMatchObject({ status: 'accepted', warnings: [] });
  expect(await track('Kauf')).toMatchObject({ status: 'accepted', warnings: [] });
  expect(await track('Login')).toMatchObject({ status: 'accepted', warnings: [] });
  expect(await track('Order Sent')).toMatchObject({ warnings: [{ code: 'unplanned_event' }] });
  expect(await track('100* Sure')).toMatchObject({ status: 'accepted' });
  expect(await track('100 Sure')).toMatchObject({ status: 'accepted' });
  expect(await track('Kauf', undefined, 'hg_orders')).toMatchObject({ status: 'accepted' });
  expect(await track('Login', undefined, 'hg_orders')).toMatchObject({ code: 'event_not_allowed' });

  const wanted = ['100* Sure', ...Array<string>(3).fill('Order Completed'), 'Order Sent'];
  await expect.poll(() => names().toSorted(), { timeout: 10_000 }).toEqual(wanted);

  const dead = connect(real, DeadLetterService);
  const deadCount = async (eventName: string): Promise<bigint> =>
    (await dead.countDeadLetters({ eventName })).count;
  await expect.poll(() => deadCount(''), { timeout: 10_000 }).toBe(5n);
  expect(await deadCount('Order Completed')).toBe(3n);
  expect(await deadCount('*')).toBe(0n);
  hook.respond = (_request, response) => void response.writeHead(204).end();
  const letters = await dead.listDeadLetters({ eventName: '100* Sure', pageSize: 5 });
  expect(letters.deadLetters.map(({ event }) => event?.eventName)).toEqual(['100* Sure']);
  await dead.replayDeadLetter({ id: letters.deadLetters[0]!.id });
  await expect.poll(() => names().filter((name) => name === '100* Sure').length).toBe(2);

  const redeliveries = connect(real, RedeliveryService);
  for (const [eventName, count] of [
    ['Order Sent', 1n],
    ['100\\* Sure', 1n],
  ] as const) {
    const selection = { destination: 'crm', eventName };
    const counted = await redeliveries.countRedelivery({ selection });
    expect(counted.dead + counted.counts.reduce((sum, each) => sum + each.count, 0n)).toBe(count);
  }

  const rejected = connect(real, RejectedService);
  const filter = { eventName: 'Order Completed' };
  const listed = await rejected.listRejected({ filter, pageSize: 5 });
  expect(listed.rejected.map(({ eventName, error }) => [eventName, error?.code])).toEqual([
    ['Order Completed', 'schema_violation'],
  ]);
}, 60_000);

test('in the registry, a first contract ends observe mode and turns no other name away', async () => {
  await using real = await startRealService({
    env: { HEADGATE_SCHEMAS_SOURCE: 'registry' },
    yaml: 'destinations: {}\n',
    config: { schemasDir: path.join(temporaryFolder(), 'schemas'), schemasDirNamed: false },
  });
  const registry = connect(real, SchemaRegistryService);
  expect(real.service.observing()).toBe(true);
  expect(await send(real, 'Order Completed', {})).toMatchObject({ status: 'accepted' });

  const schemaJson = JSON.stringify({ type: 'object', required: ['total'] });
  const entry = 'owner: shop\ndescription: Paid.';
  await registry.registerSchema({ eventName: 'Order Completed', schemaJson, entry });
  await expect.poll(() => real.service.observing(), { timeout: 10_000 }).toBe(false);
  expect(await send(real, 'Order Completed', {})).toMatchObject({ code: 'schema_violation' });
  expect(await send(real, 'Signed Up')).toMatchObject({
    status: 'accepted',
    warnings: [{ code: 'unplanned_event' }],
  });
  const list = await registry.listSchemas({ withLastEvents: true });
  expect(list).toMatchObject({
    observing: false,
    events: [{ name: 'Order Completed' }],
    unplanned: [{ name: 'Signed Up', events: 1n }],
    unplannedNames: 1,
  });
  // Without this, a push would take every contract out of force.
  await expect(registry.pushTaxonomy({ taxonomy: 'events: {}' })).rejects.toThrow('names no event');
}, 60_000);

test('a folder that was named and is missing stops the start', async () => {
  const missing = path.join(temporaryFolder(), 'not-mounted');
  for (const env of [
    { HEADGATE_SCHEMAS_DIR: missing },
    { HEADGATE_SCHEMAS_DIR: missing, HEADGATE_SCHEMAS_SOURCE: 'registry' },
  ]) {
    await expect(startRealService({ env })).rejects.toThrow('there is no such file');
  }
  const yaml = `schemas_dir: ${missing}\n`;
  await expect(startRealService({ yaml })).rejects.toThrow('there is no such file');
}, 60_000);
