import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { loadRegistry, readRegistry } from './schema-registry.ts';
import { nearestName } from './nearest-name.ts';
import { orderTaxonomy, schemasFolder } from './schemas-folder.fixture.ts';
import { StartError } from '../errors.ts';
import type { JsonValue } from '../event/json/json.ts';

const schema = { type: 'object' };

async function faultsOf(files: Readonly<Record<string, JsonValue>>): Promise<string[]> {
  const { faults } = await readRegistry(schemasFolder(files));
  for (const { mending } of faults) expect(mending).not.toBe('');
  return faults.map(({ file, problem }) => `${file}: ${problem}`);
}

async function taxonomyFaults(text: string): Promise<string[]> {
  return faultsOf({ 'taxonomy.yaml': text, 'order_completed/1.json': schema });
}

test('the example folder is valid and matches the README', async () => {
  const registry = await loadRegistry('schemas');
  const [order] = registry.events;
  expect(order).toMatchObject({ name: 'order_completed', owner: 'checkout', active: 2 });
  expect(order?.versions.map(({ version }) => version)).toEqual([1, 2]);
  expect(order?.versions[1]?.schema['required']).toEqual(['order_id', 'total', 'currency']);
});

test('uses defaults for omitted keys of the taxonomy', async () => {
  const text = orderTaxonomy().replace('unplanned: reject\n', '');
  const files = { 'taxonomy.yaml': text, 'order_completed/1.json': schema };
  const registry = await loadRegistry(schemasFolder(files));
  expect(registry.unplanned).toBe('reject');
  expect(registry.events[0]?.mode).toBe('enforce');
});

test('a folder of contracts without an entry is a fault, in observe mode too', async () => {
  expect(await faultsOf({ 'taxonomy.yaml': 'events: {}' })).toEqual([]);
  expect(await faultsOf({ 'taxonomy.yaml': 'events: {}', 'login/1.json': schema })).toEqual([
    'login/: no entry of the taxonomy has this name',
  ]);
});

test('reads a file as editors of Windows write it', async () => {
  const folder = schemasFolder({ 'taxonomy.yaml': `\ufeff${orderTaxonomy()}` });
  mkdirSync(path.join(folder, 'order_completed'));
  writeFileSync(path.join(folder, 'order_completed/1.json'), `\ufeff${JSON.stringify(schema)}`);
  expect((await loadRegistry(folder)).events[0]?.versions[0]?.schema).toEqual(schema);
});

test('lists all problems in one error, each with its file and fix', async () => {
  const directory = schemasFolder({
    'taxonomy.yaml': orderTaxonomy(', mode: strict, ownr: x'),
    'order_completed/1.json': { type: 'object', $async: true },
    'cart_completed/1.json': schema,
  });
  const error = await loadRegistry(directory).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(StartError);
  expect((error as StartError).message.split('\n')).toEqual([
    `4 faults in the schemas of ${directory}:`,
    '  taxonomy.yaml: events.order_completed.ownr is not a known key. Write owner.',
    '  taxonomy.yaml: events.order_completed.mode is not one of enforce, warn, off, and not a mapping. ' +
      'Write one of them, or { additional_property: strip }; the default is enforce.',
    '  order_completed/1.json: /$async is refused. Leave it out: validation is synchronous.',
    '  cart_completed/: no entry of the taxonomy has this name. ' +
      'Add one under events:, or delete the folder.',
  ]);
});

describe('taxonomy.yaml', () => {
  test('reports a missing file', async () => {
    expect((await faultsOf({}))[0]).toContain('there is no such file');
    const { faults } = await readRegistry('/nowhere/at/all');
    expect(faults).toHaveLength(1);
  });

  const entry = 'events: { order_completed: { owner: a, description: b, active: 1 } }';
  test.each([
    ['', 'it is not a mapping'],
    ['- a', 'it is not a mapping'],
    ['verbs: [a\nevents: {}', 'line 2: '],
    [`verbs: [completed]\nverbs: [created]\n${entry}`, 'line 2: '],
    [entry, 'verbs is not a list of words'],
    [`verbs: []\n${entry}`, 'verbs is not a list of words'],
    [`verbs: [completed, Signed-Up]\n${entry}`, 'verbs[1] is not lower snake case'],
    [`verbs: [completed, completed]\n${entry}`, 'verbs names completed twice'],
    [`verbs: [completed]\nunplaned: warn\n${entry}`, 'unplaned is not a known key'],
    [
      `verbs: [completed]\nunplanned: strip\n${entry}`,
      'unplanned is not one of reject, quarantine, warn, allow',
    ],
    ['verbs: [completed]', 'events names no event'],
    ['verbs: [completed]\nunplanned: warn\nevents: {}', 'events names no event'],
    ['naming: any\nunplanned: allow\nevents: {}', 'events names no event'],
    ['verbs: [completed]\nevents:', 'events names no event'],
    ['verbs: [completed]\nevents: { order_completed: 1 }', 'is not a mapping'],
    [`verbs: [paid]\n${entry}`, 'events.order_completed is not a noun and one of the verbs'],
    [`verbs: [completed]\n${entry.replace('order_c', 'OrderC')}`, 'is not named in lower snake'],
    [`verbs: [completed]\n${entry.replace('owner: a, ', '')}`, 'owner is missing'],
    [`verbs: [completed]\n${entry.replace('owner: a', 'owner: 1')}`, 'owner is not a text'],
    [`verbs: [completed]\n${entry.replace('description: b, ', '')}`, 'description is missing'],
    [`verbs: [completed]\n${entry.replace(', active: 1', '')}`, 'active is missing'],
    [`verbs: [completed]\n${entry.replace('active: 1', 'active: 0')}`, 'active is not a whole'],
    [`verbs: [completed]\n${entry.replace('active: 1', 'active: 1.5')}`, 'active is not a whole'],
    [`verbs: [completed]\n${entry.replace('active: 1', 'active: 2')}`, 'active is 2, beyond'],
  ])('%j is refused', async (text, problem) => {
    const faults = await taxonomyFaults(text);
    expect(faults.some((fault) => fault.startsWith('taxonomy.yaml: '))).toBe(true);
    expect(faults.join('\n')).toContain(problem);
  });

  test('lists every fault', async () => {
    const text = 'verbs: [completed, X]\nunplanned: no\nevents: { order_completed: { active: 0 } }';
    expect(await taxonomyFaults(text)).toHaveLength(5);
  });

  test('does not read outside the folder, whatever the event name', async () => {
    const text = orderTaxonomy().replace('order_completed', '"../x_completed"');
    const faults = await taxonomyFaults(text);
    expect(faults.join('\n')).toContain('events.../x_completed has no schema');
  });
});

describe('versions', () => {
  const taxonomy = { 'taxonomy.yaml': orderTaxonomy() };

  test('go up by one from 1', async () => {
    const gap = { 'order_completed/1.json': schema, 'order_completed/4.json': schema };
    expect(await faultsOf({ ...taxonomy, ...gap })).toEqual([
      'order_completed/3.json: this version is missing',
    ]);
    expect(await faultsOf({ ...taxonomy, 'order_completed/2.json': schema })).toEqual([
      'order_completed/1.json: this version is missing',
    ]);
  });

  test.each(['01.json', 'v2.json', '2.yaml', '0.json', '2.json.bak'])(
    'refuses the file name %s',
    async (file) => {
      const files = { 'order_completed/1.json': schema, [`order_completed/${file}`]: schema };
      expect(await faultsOf({ ...taxonomy, ...files })).toEqual([
        `order_completed/${file}: its name is not a version number`,
      ]);
    },
  );

  test('are required for every event', async () => {
    const faults = await faultsOf(taxonomy);
    expect(faults).toEqual(['taxonomy.yaml: events.order_completed has no schema']);
  });

  test('ignores hidden files and folders', async () => {
    const hidden = { '..data/1.json': schema, 'order_completed/.DS_Store': 'x', 'README.md': 'x' };
    const files = { ...taxonomy, ...hidden, 'order_completed/1.json': schema };
    expect(await faultsOf(files)).toEqual([]);
  });

  test('sorts more than nine versions by number', async () => {
    const names = Array.from({ length: 11 }, (_, index) => `order_completed/${index + 1}.json`);
    const files = Object.fromEntries(names.map((name) => [name, schema]));
    const registry = await loadRegistry(schemasFolder({ ...taxonomy, ...files }));
    expect(registry.events[0]?.versions.map(({ version }) => version)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    ]);
  });
});

test.each([
  ['order_complete', 'order_completed'],
  ['orderCompleted', 'order_completed'],
  ['ordr_cmpleted', 'order_completed'],
  ['order_completedxxx', 'order_completed'],
  ['order_completedxxxx', undefined],
  ['invoice_payed', 'invoice_paid'],
  ['id', undefined],
  ['', undefined],
  ['x'.repeat(200_000), undefined],
])('nearest to %.40s is %s', (name, nearest) => {
  expect(nearestName(name, ['order_completed', 'invoice_paid', 'tax'])).toBe(nearest);
});
