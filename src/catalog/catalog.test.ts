import { expect, test } from 'vitest';

import { html } from './html.ts';
import { markdown } from './markdown.ts';
import { makeExample } from './make-example.ts';
import { catalogFiles } from './page.ts';
import { readCatalog, type CatalogContract } from './read-catalog.ts';
import { propertiesShownMax, readProperties } from './read-properties.ts';
import type { JsonObject } from '../event/json/json.ts';
import { modeText } from '../validation/modes.ts';
import {
  compileVersion,
  loadRegistry,
  type SchemaRegistry,
} from '../validation/schema-registry.ts';
import { orderTaxonomy, schemasFolder } from '../validation/schemas-folder.fixture.ts';

const unknown = { destinations: 'nobody said.', lastEvents: 'nobody was asked.' };
const around = {
  destinations: [
    { name: 'warehouse', type: 'sqlite', events: [] },
    { name: 'crm', type: 'webhook', events: ['order_*'] },
  ],
  lastEvents: new Map([['order_completed', new Date('2026-03-01T12:00:00Z')]]),
};

function contractsOf({ events }: SchemaRegistry): CatalogContract[] {
  return events.map((event) => ({ ...event, mode: modeText(event.mode) }));
}

function exampleOf(schema: JsonObject): JsonObject | undefined {
  const faults: string[] = [];
  const version = compileVersion(1, schema, (problem) => void faults.push(problem));
  expect(faults).toEqual([]);
  return makeExample(version!);
}

test('the pages show the content of the example schemas', async () => {
  const catalog = readCatalog(contractsOf(await loadRegistry('schemas')), around);
  expect(catalog.events.map(({ name }) => name)).toEqual([
    'invoice_paid',
    'order_completed',
    'page_viewed',
    'user_signed_up',
  ]);
  for (const format of [markdown, html]) {
    const files = catalogFiles(catalog, format);
    expect(files.map(({ path }) => path)).toEqual([
      format.indexFile,
      ...catalog.events.map(({ name }) => `events/${format.eventFile(name)}`),
    ]);
    const text = files[2]!.text.replaceAll('\\', '').replaceAll(/&quot;/g, '"');
    for (const said of [
      'order_completed',
      'An order was paid for.',
      'checkout',
      'warehouse (sqlite), crm (webhook)',
      '2026-03-01T12:00:00.000Z',
      'Version 2 (active)',
      'Version 1',
      'items[].sku',
      'ISO 4217.',
      '"card" or "invoice"',
      'at least 0',
      '"currency": "EUR"',
      'Other properties are not accepted.',
    ]) {
      expect(text).toContain(said);
    }
    expect(files[0]!.text).toContain('not in the log');
    const again = catalogFiles(
      readCatalog(contractsOf(await loadRegistry('schemas')), around),
      format,
    );
    expect(again).toEqual(files);
  }
});

test('the gate accepts every example of the example schemas', async () => {
  const { events } = await loadRegistry('schemas');
  for (const version of events.flatMap(({ versions }) => versions)) {
    const example = makeExample(version);
    expect(example).toBeDefined();
    expect(version.findingsIn(example!)).toBeUndefined();
  }
});

test('takes an example from the schema, or makes a valid one', () => {
  const code = { type: 'string', maxLength: 5, pattern: '^[QXZ]{5}$' };
  const schema = { type: 'object', required: ['code'], properties: { code } };
  expect(exampleOf(schema)).toBeUndefined();
  expect(exampleOf({ ...schema, examples: [{ code: 'no' }, { code: 'QXZQX' }] })).toEqual({
    code: 'QXZQX',
  });
  expect(exampleOf({ ...schema, properties: { code: { ...code, examples: ['XXXXX'] } } })).toEqual({
    code: 'XXXXX',
  });
  // An optional property without a possible example is left out.
  expect(exampleOf({ ...schema, required: [] })).toEqual({});
});

test('the pages say what is not known', async () => {
  const catalog = readCatalog(contractsOf(await loadRegistry('schemas')), unknown);
  const [index, page] = catalogFiles(catalog, markdown);
  expect(index!.text).toContain('The destinations of events are not known here: nobody said.');
  expect(index!.text).toContain(
    'The time of the last stored event is not known here: nobody was asked.',
  );
  expect(page!.text).toContain('| goes to | not known |');
});

test('escapes every text', async () => {
  const evil = '<script>alert("1")</script> | [x](javascript:y) & `z`';
  const registry = await loadRegistry(
    schemasFolder({
      'taxonomy.yaml': orderTaxonomy().replace('Paid.', JSON.stringify(evil)),
      'order_completed/1.json': {
        type: 'object',
        properties: { '<b>|`x`': { type: 'string', description: `${evil}\n\n# no` } },
      },
    }),
  );
  const catalog = readCatalog(contractsOf(registry), unknown);
  const site = catalogFiles(catalog, html)
    .map(({ text }) => text)
    .join('');
  expect(site).not.toContain('<script');
  expect(site).not.toContain('<b>');
  const pages = catalogFiles(catalog, markdown)
    .map(({ text }) => text)
    .join('');
  expect(pages).not.toMatch(/(?<!\\)<script/);
  expect(pages).not.toMatch(/(?<!\\)\[x\]/);
  expect(pages).not.toMatch(/^# no/m);
});

test('lists properties inside objects, lists and references', () => {
  const item = { type: 'object', required: ['sku'], properties: { sku: { type: 'string' } } };
  const email = { type: 'string', maxLength: 254, 'x-pii': 'hash', title: 'Where to write.' };
  const schema = {
    type: 'object',
    properties: {
      items: { type: 'array', items: { $ref: '#/$defs/item' } },
      buyer: { type: 'object', properties: { email } },
      plan: { const: 'free' },
    },
    $defs: { item },
  };
  expect(readProperties(schema)).toMatchObject([
    { path: 'items', type: 'array of object', required: false },
    { path: 'items[].sku', type: 'string', required: true },
    { path: 'buyer', type: 'object' },
    {
      path: 'buyer.email',
      personal: 'hash',
      description: 'Where to write.',
      limits: ['at most 254 characters'],
    },
    { path: 'plan', type: '"free"' },
  ]);
});

test('a page lists a limited number of properties', async () => {
  const names = Array.from({ length: propertiesShownMax + 2 }, (_, index) => `p${index}`);
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'boolean' }]));
  const registry = await loadRegistry(
    schemasFolder({
      'taxonomy.yaml': orderTaxonomy(),
      'order_completed/1.json': { type: 'object', properties },
    }),
  );
  const [version] = readCatalog(contractsOf(registry), unknown).events[0]!.versions;
  expect(version!.properties).toHaveLength(propertiesShownMax);
  expect(version!.propertiesHidden).toBeGreaterThan(0);
});
