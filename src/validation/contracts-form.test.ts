import { expect, test } from 'vitest';

import type { ContractsForm } from '../event/contracts/contracts-form.ts';
import { contractsOf, readContracts } from './contracts-form.ts';
import { emptyRegistry, loadRegistry } from './schema-registry.ts';
import { schemasFolder } from './schemas-folder.fixture.ts';
import { createValidation, type ValidationOptions } from './validation.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';

const taxonomy = `
verbs: [completed, viewed]
unplanned: quarantine
events:
  order_completed:
    owner: checkout
    description: An order.
    active: 3
    supersedes: { 3: [1, 2] }
    mode: { missing_required: reject, wrong_type: warn, additional_property: strip, advanced_rule: allow }
  page_viewed: { owner: web, description: A page., active: 1, deprecated: [] }
`;
const schema = (more: object = {}): string =>
  JSON.stringify({
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'string' } },
    ...more,
  });
const personal = {
  properties: { id: { type: 'string' }, email: { type: 'string', 'x-pii': 'hash' } },
};
const folder = {
  'taxonomy.yaml': taxonomy,
  'order_completed/1.json': schema(),
  'order_completed/2.json': schema(),
  'order_completed/3.json': schema({ required: ['id', 'email'], ...personal }),
  'page_viewed/1.json': schema({ required: [] }),
};

const event = (more: Partial<IncomingEvent>): IncomingEvent =>
  ({
    eventName: 'order_completed',
    userId: 'u-1',
    anonymousId: '',
    idempotencyKey: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
    properties: {},
    propertiesText: undefined,
    schemaVersion: 0,
    ...more,
  }) as IncomingEvent;

async function read(form: ContractsForm) {
  const faults: string[] = [];
  const registry = await readContracts(form, (problem) => void faults.push(problem));
  return { registry, faults };
}

async function validate(sent: Partial<IncomingEvent>, options: ValidationOptions) {
  const { registry } = await read(contractsOf(await loadRegistry(schemasFolder(folder)), 'on'));
  return createValidation(registry, options).validate(event(sent));
}

test('what a gate gives is what another reads: header, entries, every version', async () => {
  const registry = await loadRegistry(schemasFolder(folder));
  const form = contractsOf(registry, 'warn');
  expect(form.isSuspended).toBe(true);
  const sent = JSON.parse(JSON.stringify(form)) as ContractsForm;
  const { registry: found, faults } = await read(sent);
  expect(faults).toEqual([]);
  const plain = (one: typeof registry) => ({
    ...one,
    events: one.events.map(({ versions, superseded, ...entry }) => ({
      ...entry,
      superseded: [...superseded],
      versions: versions.map(({ version, schema: text }) => ({ version, text })),
    })),
  });
  expect(plain(found)).toEqual(plain(registry));
  expect(contractsOf(found, 'warn').revision).toBe(form.revision);
  expect(contractsOf({ ...registry, unplanned: 'allow' }, 'warn').revision).not.toBe(form.revision);
});

test('a gate without contracts has a form, too', async () => {
  const { registry, faults } = await read(contractsOf(emptyRegistry, 'on'));
  expect(faults).toEqual([]);
  expect(registry).toEqual(emptyRegistry);
});

test.each<[string, (form: ContractsForm) => ContractsForm, RegExp]>([
  [
    'a header that is no JSON',
    (form) => ({ ...form, headerJson: '{' }),
    /the header is not a JSON/,
  ],
  [
    'a header of another version',
    (form) => ({ ...form, headerJson: '{"verbs":["x"],"new":1}' }),
    /new/,
  ],
  [
    'an invalid schema',
    (form) => ({ ...form, events: [{ ...form.events[0]!, schemasJson: ['{"type":"x"}'] }] }),
    /not a valid JSON Schema|active/,
  ],
  [
    'more events than there may be',
    (form) => ({ ...form, events: Array.from({ length: 2_001 }, () => form.events[0]!) }),
    /there are 2001 events, more than 2000/,
  ],
])('%s is reported', async (_what, change, text) => {
  const form = contractsOf(await loadRegistry(schemasFolder(folder)), 'on');
  const { faults } = await read(change(form));
  expect(faults.join('\n')).toMatch(text);
});

test('at the edge personal data stays as it was sent, and is validated all the same', async () => {
  const properties = { id: 'a', email: 'a@example.org' };
  const edge = { isEdge: true };
  expect(await validate({ properties }, edge)).toMatchObject({
    error: undefined,
    event: undefined,
  });
  expect((await validate({ properties: { id: 'a' } }, edge)).error?.code).toBe('schema_violation');
  // Elsewhere it needs a key, and is hashed.
  await expect(validate({ properties }, {})).rejects.toThrow('no hash key is set');
  const hashed = await validate({ properties }, { hashKey: 'k'.repeat(32) });
  expect(hashed.event?.properties).not.toEqual(properties);
});

test('at the edge without contracts, an event of any name passes', () => {
  const unknown = { ...emptyRegistry, naming: 'any' as const, unplanned: 'allow' as const };
  const edge = createValidation(unknown, { isEdge: true });
  expect(edge.validate(event({ eventName: 'anything' })).error).toBeUndefined();
  expect(edge.validate(event({ eventName: 'Order Completed' })).error).toBeUndefined();
  expect(edge.validate(event({ userId: '' })).error?.code).toBe('missing_identity');
});

test('names of any form, aliases and events without a schema are among it', async () => {
  const registry = await loadRegistry(
    schemasFolder({
      'taxonomy.yaml': `
naming: any
unplanned: warn
aliases: { "Order Done": Order Completed }
events:
  Order Completed: { owner: shop, description: An order., mode: off }
`,
    }),
  );
  const { registry: found, faults } = await read(contractsOf(registry, 'on'));
  expect(faults).toEqual([]);
  expect(found).toEqual(registry);
});
