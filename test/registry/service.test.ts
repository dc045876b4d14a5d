import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { schemaBytesMax } from '../../src/validation/schema/schema-safety.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { registryOf, startGateOn, startTwoGates, track, type Registry } from './two-gates.ts';

const yaml = 'destinations: {}\n';
let gate: RealService;
let registry: Registry;

beforeAll(async () => {
  gate = await startRealService({ yaml, env: { HEADGATE_SCHEMAS_SOURCE: 'registry' } });
  registry = registryOf(gate.adminUrl);
});

afterAll(() => gate[Symbol.asyncDispose]());

async function refusal(work: Promise<unknown>): Promise<{ code: Code; message: string }> {
  const error = ConnectError.from(
    await work.then(
      () => 'it was taken',
      (fault: unknown) => fault,
    ),
  );
  return { code: error.code, message: error.rawMessage };
}

const closed = (properties: object, required: string[] = []): string =>
  JSON.stringify({ type: 'object', additionalProperties: false, required, properties });
const entry = '{ owner: checkout, description: For a test. }';
let events = 0;
/** An event that no other test has. */
async function newEvent(schemaJson: string, more = ''): Promise<string> {
  events += 1;
  const eventName = `test${events}_completed`;
  const own = entry.replace(' }', `${more} }`);
  await registry.registerSchema({ eventName, schemaJson, entry: own });
  return eventName;
}

test('an empty bucket is filled from the files, once', async () => {
  const { events: listed, source, faults } = await registry.listSchemas({});
  expect(source).toBe('registry');
  expect(faults).toEqual([]);
  const order = listed.find(({ name }) => name === 'order_completed');
  expect(order).toMatchObject({ owner: 'checkout', active: 2, compatibility: 'forward' });
  expect(order?.versions.map(({ version }) => version)).toEqual([1, 2]);
  const { schemaJson } = await registry.getSchema({ eventName: 'order_completed' });
  expect(JSON.parse(schemaJson)).toEqual(
    JSON.parse(readFileSync('schemas/order_completed/2.json', 'utf8')),
  );
  expect((await track(gate.url, {})).status).toBe(202);
});

test('a released version never changes; registering the same schema again is no error', async () => {
  const schemaJson = closed({ total: { type: 'number' } });
  const eventName = await newEvent(schemaJson);
  const again = `${JSON.stringify(JSON.parse(schemaJson), undefined, 4)}\n`;
  expect(await registry.registerSchema({ eventName, version: 1, schemaJson: again })).toMatchObject(
    {
      created: false,
      version: { version: 1 },
    },
  );
  const other = registry.registerSchema({ eventName, version: 1, schemaJson: closed({}) });
  const { code, message } = await refusal(other);
  expect(code).toBe(Code.FailedPrecondition);
  expect(message).toContain(
    `${eventName} has a version 1 with another schema, and a released version never changes. ` +
      'Register it as version 2.',
  );
  expect(JSON.parse((await registry.getSchema({ eventName })).schemaJson)).toEqual(
    JSON.parse(schemaJson),
  );
});

test('versions go up by one', async () => {
  const eventName = await newEvent(closed({}));
  const { message } = await refusal(
    registry.registerSchema({ eventName, version: 3, schemaJson: closed({}) }),
  );
  expect(message).toContain(`Versions go up by one: the next of ${eventName} is 2.`);
});

test('refuses a breaking version with the reasons, unless the event allows it', async () => {
  const first = closed({ currency: { type: 'string' } });
  const schemaJson = closed({ currency: { type: 'string' } }, ['currency']);
  const eventName = await newEvent(first);
  const { code, message } = await refusal(registry.registerSchema({ eventName, schemaJson }));
  expect(code).toBe(Code.FailedPrecondition);
  expect(message).toContain(
    "version 2 makes 'currency' required: producers on version 1 would be rejected",
  );
  const lenient = await newEvent(first, ', compatibility: forward');
  const { created, findings } = await registry.registerSchema({ eventName: lenient, schemaJson });
  expect(created).toBe(true);
  expect(findings).toMatchObject([{ place: 'currency', breaks: ['producers'] }]);
});

test('refuses an invalid version with all faults', async () => {
  const eventName = await newEvent(closed({}));
  const unsafe = JSON.stringify({ type: 'object', $async: true, $ref: 'http://a.example/b' });
  const { message } = await refusal(registry.registerSchema({ eventName, schemaJson: unsafe }));
  expect(message).toContain('/$async is refused');
  expect(message).toContain('/$ref points outside the file');
  const cases: [string, string][] = [
    ['[]', 'it is not an object'],
    ['{', 'it cannot be read as JSON'],
    [closed({ a: { description: 'x'.repeat(schemaBytesMax) } }), `more than ${schemaBytesMax}`],
  ];
  for (const [schemaJson, problem] of cases) {
    expect((await refusal(registry.registerSchema({ eventName, schemaJson }))).message).toContain(
      problem,
    );
  }
});

test.each([
  ['OrderCompleted', entry, 'is not an event name'],
  ['order_shipped', entry, 'is not a noun and one of the verbs'],
  ['cart_completed', '{ owner: a }', 'description is missing'],
  ['cart_completed', '{', 'Fix the YAML there'],
])('a new event %s with the entry %s is refused', async (eventName, entry, problem) => {
  const work = registry.registerSchema({ eventName, schemaJson: closed({}), entry });
  expect((await refusal(work)).message).toContain(problem);
});

test('validate_only stores nothing', async () => {
  const eventName = await newEvent(closed({}));
  const schemaJson = closed({ coupon: { type: 'string' } });
  const asked = { eventName, schemaJson, validateOnly: true };
  expect((await registry.registerSchema(asked)).findings).toHaveLength(1);
  expect((await refusal(registry.getSchema({ eventName, version: 2 }))).code).toBe(Code.NotFound);
});

test('a version is activated, deprecated, and activated again', async () => {
  const eventName = await newEvent(closed({ total: { type: 'number' } }));
  const schemaJson = closed({ total: { type: 'number' }, tax: { type: 'number' } });
  await registry.registerSchema({ eventName, schemaJson });
  const send = (version: number) =>
    track(gate.url, { event_name: eventName, schema_version: version, properties: { total: 1 } });
  expect((await send(0)).body['schema_version']).toBe(1);
  expect((await registry.activateSchema({ eventName, version: 2 })).event?.active).toBe(2);
  expect((await send(0)).body['schema_version']).toBe(2);
  await registry.deprecateSchema({ eventName, version: 1 });
  expect((await send(1)).body['warnings']).toMatchObject([{ code: 'deprecated_schema_version' }]);
  const active = registry.deprecateSchema({ eventName, version: 2 });
  expect((await refusal(active)).message).toContain('Version 2 of');
  const late = registry.activateSchema({ eventName, version: 2, activeVersion: 1 });
  expect((await refusal(late)).message).toContain('is active, and not 1');
  const back = await registry.activateSchema({ eventName, version: 1, activeVersion: 2 });
  expect(back.event?.versions[0]?.deprecated).toBe(false);
  expect(back.findings.map(({ message }) => message).join()).toContain("drops 'tax'");
  expect((await refusal(registry.activateSchema({ eventName, version: 9 }))).code).toBe(
    Code.NotFound,
  );
});

test('pushes a taxonomy completely or not at all', async () => {
  const eventName = await newEvent(closed({}));
  const taxonomy = (active: number, name = eventName): string =>
    [
      'verbs: [completed, created, paid, viewed, signed_up, cancelled, shipped]',
      'events:',
      `  ${name}: { owner: a new owner, description: b, active: ${active}, deprecated: [] }`,
    ].join('\n');
  const { message } = await refusal(registry.pushTaxonomy({ taxonomy: taxonomy(2) }));
  expect(message).toContain(`events.${eventName}.active is 2, beyond the last, 1.json`);
  const unknown = registry.pushTaxonomy({ taxonomy: taxonomy(1, 'nothing_completed') });
  expect((await refusal(unknown)).message).toContain('nothing_completed has no schema');
  const asked = { taxonomy: taxonomy(1), validateOnly: true };
  expect((await registry.pushTaxonomy(asked)).changed).toEqual([eventName]);
  const { changed, kept } = await registry.pushTaxonomy({ taxonomy: taxonomy(1) });
  expect(changed).toEqual([eventName]);
  expect(kept).toContain('order_completed');
  expect((await registry.getSchema({ eventName })).event?.owner).toBe('a new owner');
  expect((await registry.pushTaxonomy({ taxonomy: taxonomy(1) })).changed).toEqual([]);
  // Its new verb is known from now on.
  const shipped = { eventName: 'order_shipped', schemaJson: closed({}), entry };
  expect((await registry.registerSchema(shipped)).created).toBe(true);
});

test('what is only to be checked has limits', async () => {
  const eventName = await newEvent(closed({}));
  const taxonomy = `verbs: [completed, created, paid, viewed, signed_up, cancelled, shipped]\nevents:\n  ${eventName}: { owner: a, description: b, active: 251 }`;
  const check = (planned: number) =>
    registry.pushTaxonomy({
      taxonomy,
      validateOnly: true,
      plannedVersions: { [eventName]: planned },
    });
  expect((await check(250)).changed).toEqual([eventName]);
  for (const planned of [251, 2 ** 32 - 1]) {
    expect((await refusal(check(planned))).message).toContain(`is ${planned}; at most 250`);
  }
  const earlierSchemasJson = Array.from({ length: 251 }, () => closed({}));
  const register = registry.registerSchema({
    eventName,
    schemaJson: closed({}),
    validateOnly: true,
    earlierSchemasJson,
  });
  expect((await refusal(register)).message).toContain('has 251 schemas; at most 250');
});

test('looks up when an event was last stored', async () => {
  const before = Date.now();
  await track(gate.url, {});
  const { events: listed } = await registry.listSchemas({ withLastEvents: true });
  const order = listed.find(({ name }) => name === 'order_completed');
  expect(Number(order?.lastEventAt?.seconds)).toBeGreaterThanOrEqual(Math.floor(before / 1000) - 1);
  expect(listed.find(({ name }) => name === 'invoice_paid')?.lastEventAt).toBeUndefined();
});

test('if two gates write the same entry at once, one succeeds and the other is refused', async () => {
  await using gates = await startTwoGates();
  const registries = [registryOf(gates.one.adminUrl), registryOf(gates.other.adminUrl)];
  const attempts = Array.from({ length: 8 }, (_, index) =>
    registries[index % 2]!.registerSchema({
      eventName: 'invoice_paid',
      version: 2,
      entry: '{ owner: a, description: b, compatibility: none }',
      schemaJson: closed({ [`p${index}`]: { type: 'string' } }),
    }),
  );
  const settled = await Promise.allSettled(attempts);
  const taken = settled.filter(({ status }) => status === 'fulfilled');
  expect(taken).toHaveLength(1);
  const reasons = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  for (const reason of reasons) {
    expect([Code.Aborted, Code.FailedPrecondition]).toContain(ConnectError.from(reason).code);
  }
  const [left, right] = await Promise.all(
    registries.map((each) => each.getSchema({ eventName: 'invoice_paid', version: 2 })),
  );
  expect(left?.schemaJson).toBe(right?.schemaJson);
});

test('requires the operators’ token', async () => {
  await using guarded = await startRealService({
    yaml,
    env: { HEADGATE_SCHEMAS_SOURCE: 'registry', HEADGATE_ADMIN_TOKEN: 'sesame-of-this-test' },
  });
  const work = registryOf(guarded.adminUrl).registerSchema({
    eventName: 'a_paid',
    schemaJson: '{}',
  });
  expect((await refusal(work)).code).toBe(Code.Unauthenticated);
});

test('with files as the source, contracts can be read but not changed', async () => {
  await using plain = await startRealService({ yaml });
  const files = registryOf(plain.adminUrl);
  const { source, events: listed } = await files.listSchemas({});
  expect(source).toBe('files');
  expect(listed).toHaveLength(4);
  expect((await files.getSchema({ eventName: 'order_completed' })).version?.version).toBe(2);
  for (const work of [
    files.registerSchema({ eventName: 'order_completed', schemaJson: closed({}) }),
    files.pushTaxonomy({ taxonomy: '' }),
    files.activateSchema({ eventName: 'order_completed', version: 1 }),
    files.deprecateSchema({ eventName: 'order_completed', version: 1 }),
  ]) {
    const { code, message } = await refusal(work);
    expect(code).toBe(Code.FailedPrecondition);
    expect(message).toContain('set schemas.source to registry');
  }
  const { manager } = clientsForTests(plain.service.log);
  await expect(manager.streams.info('KV_headgate_schemas')).rejects.toThrow('stream not found');
});

test('a filled bucket does not need the files; an empty one does', async () => {
  await using gates = await startTwoGates();
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-schemas-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, 'taxonomy.yaml'), 'verbs: []');
  await using later = await startGateOn(gates.log, { HEADGATE_SCHEMAS_DIR: folder });
  expect((await track(later.url, {})).status).toBe(202);
  const first = startRealService({
    yaml,
    env: { HEADGATE_SCHEMAS_SOURCE: 'registry', HEADGATE_SCHEMAS_DIR: folder },
  });
  await expect(first).rejects.toThrow(/faults in the schemas of/);
});
