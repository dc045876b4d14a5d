import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { prepareGate, until } from '../crash/gate-process.ts';
import { startLoad } from '../crash/steady-load.ts';
import { gateProcessesOf, scrape, untilServing } from '../processes/gate-processes.ts';
import { registryOf, startGateOn, startTwoGates, track } from './two-gates.ts';
import { asAdmin } from '../admin-token.ts';

const order2 = readFileSync('schemas/order_completed/2.json', 'utf8');
const order3 = JSON.stringify({
  ...(JSON.parse(order2) as object),
  properties: {
    ...(JSON.parse(order2) as { properties: object }).properties,
    channel: { enum: ['web', 'shop'] },
  },
});
const withChannel = {
  schema_version: 3,
  properties: { order_id: 'A-1001', total: 49.9, currency: 'EUR', channel: 'web' },
};
const cart = JSON.stringify({
  type: 'object',
  required: ['items'],
  additionalProperties: false,
  properties: { items: { type: 'integer', minimum: 0 } },
});
const pace = { lanes: 2, batchEvents: 20, pauseMs: 5 };

test('two gates follow a change under load, without dropping a request', async () => {
  await using gates = await startTwoGates();
  const { one, other } = gates;
  const registry = registryOf(one.adminUrl);
  const loads = [one, other].map(({ url }) => startLoad(url, pace));
  await Promise.all(loads.map((load) => load.nextAcknowledgement()));

  expect((await track(other.url, withChannel)).body['code']).toBe('unknown_schema_version');
  const { version, created, findings } = await registry.registerSchema({
    eventName: 'order_completed',
    schemaJson: order3,
  });
  expect(version?.version).toBe(3);
  expect(created).toBe(true);
  expect(findings.map(({ message }) => message)).toEqual([
    "version 3 adds 'channel': nothing breaks",
  ]);
  // The gate that received the change has it when it answers; the other one follows.
  expect((await track(one.url, withChannel)).status).toBe(202);
  const registeredAt = performance.now();
  await until(
    () => track(other.url, withChannel),
    ({ status }) => status === 202,
  );
  const followedMs = performance.now() - registeredAt;

  const unversioned = { properties: withChannel.properties };
  expect((await track(other.url, unversioned)).status).toBe(422);
  await registry.activateSchema({ eventName: 'order_completed', version: 3 });
  await until(
    () => track(other.url, unversioned),
    ({ status, body }) => status === 202 && body['schema_version'] === 3,
  );

  // A new event is accepted, counted under its name, and kept under it if it is rejected.
  const entry = '{ owner: web, description: A person looked into the cart. }';
  await registry.registerSchema({ eventName: 'cart_viewed', schemaJson: cart, entry });
  const viewed = { event_name: 'cart_viewed', properties: { items: 2 } };
  await until(
    () => track(other.url, viewed),
    ({ status }) => status === 202,
  );
  expect((await track(other.url, { ...viewed, properties: {} })).status).toBe(422);
  const page = await (await fetch(`${other.adminUrl}/metrics`, asAdmin)).text();
  expect(page).toMatch(/headgate_events_total\{.*event_name="cart_viewed",outcome="accepted"\} 1/);
  expect(page).toMatch(/headgate_events_total\{.*event_name="cart_viewed",outcome="retry"\} 0/);
  expect(page).toMatch(/headgate_registry_bad_entries 0/);
  const { manager } = clientsForTests(gates.log.log);
  const rejected = await manager.streams.info('REJECTED', { subjects_filter: '>' });
  const names = Object.keys(rejected.state.subjects ?? {}).map((name) =>
    name.split('.').slice(0, 4).join('.'),
  );
  expect(names).toContain('headgate.rejected.default.cart_viewed');

  await Promise.all(loads.map((load) => load.finish()));
  for (const load of loads) {
    expect(load.counts()).toMatchObject({ retries: 0, failures: 0, duplicates: 0 });
    expect(load.acknowledged.size).toBe(load.sent.size);
  }
  const sent = loads.reduce((sum, load) => sum + load.sent.size, 0);
  console.log(
    `followed after ${Math.round(followedMs)} ms; ${sent} events meanwhile, none dropped`,
  );
});

test('validates by the last contracts while NATS is unreachable, then follows again', async () => {
  await using gates = await startTwoGates();
  const { log, one, other } = gates;
  const registry = registryOf(one.adminUrl);
  await registry.registerSchema({ eventName: 'order_completed', schemaJson: order3 });
  await until(
    () => track(other.url, withChannel),
    ({ status }) => status === 202,
  );
  log.killServer();
  // A rejection is answered only once it is stored; validate_only needs no log.
  const validated = await fetch(`${other.url}/headgate.v1.TrackService/BatchTrack`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      validateOnly: true,
      events: [
        {
          eventName: 'order_completed',
          userId: 'u-1',
          idempotencyKey: crypto.randomUUID(),
          propertiesJson: JSON.stringify(withChannel.properties),
          schemaVersion: 3,
        },
      ],
    }),
  });
  expect(await validated.json()).toMatchObject({
    results: [{ status: 'ACCEPTED', schemaVersion: 3 }],
  });

  const order4 = order3.replace('"shop"', '"shop","phone"');
  const registered = await until(
    () =>
      registry
        .registerSchema({
          eventName: 'order_completed',
          schemaJson: order4,
          entry: '{ owner: checkout, description: Paid., active: 2, compatibility: none }',
        })
        .catch(() => undefined),
    (answer) => answer !== undefined,
  );
  expect(registered?.version?.version).toBe(4);
  await until(
    () => track(other.url, { ...withChannel, schema_version: 4 }),
    ({ status }) => status === 202,
  );
});

describe('an invalid entry in the bucket', () => {
  test('is not applied, also in a gate that starts later; the previous one stays', async () => {
    await using gates = await startTwoGates();
    const { log, one, other } = gates;
    const put = (key: string, value: string): Promise<unknown> =>
      log.log.store('KV_headgate_schemas', `$KV.headgate_schemas.${key}`, {}, value);
    const entry = { owner: 'checkout', description: 'Paid.', active: 2 };
    await put('taxonomy', '{"verbs": 1}');
    await put('event.order_completed', JSON.stringify({ ...entry, active: 9 }));
    await put('event.order_completed', 'not JSON');
    await put('schema.order_completed.1', JSON.stringify({ type: 'object', title: 'another' }));
    await put('schema.order_completed.3', '{"type":"object","$async":true}');
    await put('schema.order_completed.4', 'x'.repeat(300_000));
    await put('something.else', '{}');
    await put('schema.page_viewed.2', '{"type":"object"}');
    const faultsOf = async (adminUrl: string): Promise<string[]> =>
      (await registryOf(adminUrl).listSchemas({})).faults;
    const faults = await until(
      () => faultsOf(other.adminUrl),
      ({ length }) => length === 6,
    );
    expect(faults.join('\n')).toContain(
      'schema.order_completed.1: this version was released with another schema, which is kept. ' +
        'Register it as version 3.',
    );
    expect(faults.join('\n')).toContain('event.order_completed: it cannot be read as JSON');
    expect(faults.join('\n')).toContain('schema.order_completed.3: /$async is refused');

    await using later = await startGateOn(log);
    for (const gate of [one, other, later]) {
      expect((await track(gate.url, {})).body['schema_version']).toBe(2);
      const list = await registryOf(gate.adminUrl).listSchemas({});
      const order = list.events.find(({ name }) => name === 'order_completed');
      expect(order).toMatchObject({ owner: 'checkout', active: 2 });
      expect(order?.versions.map(({ version }) => version)).toEqual([1, 2]);
      const page = list.events.find(({ name }) => name === 'page_viewed');
      expect(page?.versions.map(({ version }) => version)).toEqual([1, 2]);
    }
    expect(await faultsOf(later.adminUrl)).toEqual(await faultsOf(other.adminUrl));
    const page = await (await fetch(`${later.adminUrl}/metrics`, asAdmin)).text();
    expect(page).toMatch(/headgate_registry_bad_entries 6/);

    // Fixed by the next revision.
    await put('event.order_completed', JSON.stringify({ ...entry, active: 1 }));
    await until(
      () => track(later.url, { properties: { order_id: 'A', total: 1 } }),
      ({ status }) => status === 202,
    );
  });

  test('does not remove a contract that is deleted', async () => {
    await using gates = await startTwoGates();
    const { log, one } = gates;
    for (const key of ['taxonomy', 'event.order_completed', 'schema.order_completed.2']) {
      const headers = { 'KV-Operation': 'DEL' };
      await log.log.store('KV_headgate_schemas', `$KV.headgate_schemas.${key}`, headers, '');
    }
    const faults = await until(
      async () => (await registryOf(one.adminUrl).listSchemas({})).faults,
      ({ length }) => length === 3,
    );
    for (const fault of faults) expect(fault).toContain('it was deleted, but stays in force');
    await using later = await startGateOn(log);
    for (const gate of [one, later]) expect((await track(gate.url, {})).status).toBe(202);
    const { manager } = clientsForTests(log.log);
    await expect(manager.streams.purge('KV_headgate_schemas')).rejects.toThrow('not permitted');
    await expect(manager.streams.deleteMessage('KV_headgate_schemas', 1)).rejects.toThrow(
      'not permitted',
    );
  });
});

test('every gate process follows, including a replacement', async () => {
  await using gate = await prepareGate({
    env: { HEADGATE_PROCESSES: '2', HEADGATE_SCHEMAS_SOURCE: 'registry' },
    yaml: () => 'destinations: {}\n',
  });
  const run = await gate.start();
  await untilServing(gate, 2);
  const load = startLoad(gate.url, pace);
  const registry = registryOf(`http://${gate.adminListen}`);
  await registry.registerSchema({
    eventName: 'order_completed',
    schemaJson: order3,
    activate: true,
  });
  const entry = '{ owner: web, description: A person looked into the cart. }';
  await registry.registerSchema({ eventName: 'cart_viewed', schemaJson: cart, entry });
  const viewed = { event_name: 'cart_viewed', properties: { items: 2 } };
  /** Each connection goes to the next process: four in a row reach both. */
  const untilAll = async (): Promise<void> => {
    let inARow = 0;
    await until(
      async () => {
        const { status } = await trackOnce(gate.url, viewed);
        inARow = status === 202 ? inARow + 1 : 0;
        return inARow;
      },
      (count) => count >= 4,
    );
  };
  await untilAll();
  process.kill(gateProcessesOf(run.processId)[0]!, 'SIGKILL');
  await untilServing(gate, 1);
  await untilServing(gate, 2);
  await untilAll();
  await load.finish();
  const page = await until(
    () => scrape(gate),
    (series) =>
      (series.get(
        'headgate_events_total{source="default",event_name="cart_viewed",outcome="accepted"}',
      ) ?? 0) >= 4,
  );
  expect(page.get('headgate_registry_bad_entries')).toBe(0);
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
  // Registered contracts survive a restart, and the files are not read.
  await gate.start();
  expect((await trackOnce(gate.url, viewed)).status).toBe(202);
});

/** Sends on a connection of its own. */
async function trackOnce(url: string, event: object): Promise<{ status: number }> {
  const answer = await fetch(`${url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ user_id: 'u', idempotency_key: crypto.randomUUID(), ...event }),
  });
  await answer.body?.cancel();
  return { status: answer.status };
}
