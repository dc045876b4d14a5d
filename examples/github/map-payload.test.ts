import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { isUuid } from '../../src/event/event-id.ts';
import { isJsonObject, type JsonObject } from '../../src/event/json/json.ts';
import { eventNameOf, namedDeliveries } from './event-names.ts';
import { kinds, mapPayload } from './map-payload.ts';
import { readDeliveries, readDocumented, type Delivery } from './payloads.ts';
import { schemaFiles, schemasFolder } from './write-schemas.ts';

interface Taxonomy {
  readonly verbs: readonly string[];
  readonly unplanned: string;
  readonly events: Readonly<Record<string, JsonObject>>;
}

const deliveries = readDeliveries();
const mapped = deliveries.map((delivery) => ({ delivery, event: mapPayload(delivery) }));
const taxonomy = parse(readFileSync(join(schemasFolder, 'taxonomy.yaml'), 'utf8')) as Taxonomy;
const folders = readdirSync(schemasFolder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

const validators = new Map<string, ValidateFunction>();

function readSchema(eventName: string): JsonObject {
  return JSON.parse(readFileSync(join(schemasFolder, eventName, '1.json'), 'utf8')) as JsonObject;
}

function validatorOf(eventName: string): ValidateFunction {
  let validate = validators.get(eventName);
  if (validate === undefined) {
    const ajv = new Ajv2020({ strict: true, allErrors: true });
    formats.default(ajv);
    validate = ajv.compile(readSchema(eventName));
    validators.set(eventName, validate);
  }
  return validate;
}

/** The violations that the schema finds, as `<path> <rule>`. */
function violationsOf(eventName: string, properties: JsonObject): string[] {
  const validate = validatorOf(eventName);
  return validate(properties)
    ? []
    : validate.errors!.map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
}

function deliveryOf(event: string): Delivery {
  return structuredClone(deliveries.find((delivery) => delivery.event === event)!);
}

describe('every payload of the package', () => {
  test('becomes an event with a name, a user and a key', () => {
    expect(mapped.length).toBeGreaterThan(700);
    for (const { event } of mapped) {
      expect(event.eventName).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)+$/);
      expect(event.userId ?? event.anonymousId).toMatch(/\S/);
      expect(isUuid(event.idempotencyKey)).toBe(true);
    }
  });

  test('fits its schema', () => {
    const violations = mapped.flatMap(({ event: { eventName, properties }, delivery }) =>
      violationsOf(eventName, properties).map(
        (violation) => `${delivery.edition} ${delivery.event} ${delivery.index}: ${violation}`,
      ),
    );
    expect(violations).toEqual([]);
  });

  test('has a unique key, the same in a second run', () => {
    const keys = mapped.map(({ event }) => event.idempotencyKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(readDeliveries().map((delivery) => mapPayload(delivery).idempotencyKey)).toEqual(keys);
    // Also stable across releases of this example: one key is written here.
    expect(
      mapped.find(
        ({ delivery: { edition, event, index } }) =>
          edition === 'api.github.com' && event === 'ping' && index === 0,
      )?.event.idempotencyKey,
    ).toBe('95f33f3b-9057-5af7-85e4-35623f91246f');
  });
});

describe('a broken payload', () => {
  test('with a wrong type breaks its schema', () => {
    const delivery = deliveryOf('issues');
    Object.assign(delivery.payload['issue'] as JsonObject, { number: 'two', locked: 'yes' });
    const { eventName, properties } = mapPayload(delivery);
    expect(violationsOf(eventName, properties)).toEqual(['/number type', '/locked type']);
  });

  test('without a required field, or with an unknown value, breaks its schema', () => {
    const delivery = deliveryOf('check_run');
    const checkRun = delivery.payload['check_run'] as JsonObject;
    Object.assign(checkRun, { head_sha: null, status: 'dreaming', started_at: 'yesterday' });
    const { eventName, properties } = mapPayload(delivery);
    expect(violationsOf(eventName, properties).sort()).toEqual([
      ' required',
      '/started_at format',
      '/status enum',
    ]);
  });

  test('with a wrong type inside a list breaks its schema', () => {
    const delivery = deliveryOf('gollum');
    delivery.payload['pages'] = [{ page_name: 7 }];
    const { eventName, properties } = mapPayload(delivery);
    expect(violationsOf(eventName, properties)).toContain('/pages/0 type');
  });

  test('with an additional property breaks its schema', () => {
    expect(
      violationsOf('enterprise_anonymous_access_enabled', {
        action: 'anonymous_access_enabled',
        password: 'x',
      }),
    ).toEqual([' additionalProperties']);
  });

  test('without a sender and an installation is an error of the mapping', () => {
    const delivery = deliveryOf('star');
    delete delivery.payload['sender'];
    delete delivery.payload['installation'];
    expect(() => mapPayload(delivery)).toThrow('has no sender and no installation');
  });
});

describe('the table of names', () => {
  test('throws for an unknown event or action', () => {
    expect(() => eventNameOf('issues', 'sharpened')).toThrow('issues/sharpened');
    expect(() => eventNameOf('issues', undefined)).toThrow('delivery issues:');
    expect(() => eventNameOf('telegram', 'opened')).toThrow('telegram/opened');
    expect(() => eventNameOf('constructor', undefined)).toThrow('constructor');
    expect(() => mapPayload({ ...deliveryOf('issues'), payload: { action: 'sharpened' } })).toThrow(
      'add a line to event-names.ts',
    );
  });

  test('has every action that the package documents, with or without an example', () => {
    for (const { event, actions } of readDocumented()) {
      for (const action of actions) expect(eventNameOf(event, action)).toBeTypeOf('string');
    }
  });

  test('uses a name for only one event of GitHub, because the name has one schema', () => {
    const eventOf = new Map<string, string>();
    for (const { event, eventName } of namedDeliveries) {
      expect(eventOf.get(eventName) ?? event).toBe(event);
      eventOf.set(eventName, event);
    }
  });

  test('has the same events and names as the kinds', () => {
    expect([...kinds.keys()].sort()).toEqual(
      [...new Set(namedDeliveries.map(({ event }) => event))].sort(),
    );
    for (const [event, kind] of kinds) {
      const own = namedDeliveries.filter((named) => named.event === event);
      const ownNames = own.map(({ eventName }) => eventName);
      for (const name of Object.keys(kind.only ?? {})) expect(ownNames).toContain(name);
    }
  });
});

describe('the schemas', () => {
  test('match the taxonomy and the table of names', () => {
    expect(Object.keys(taxonomy.events).sort()).toEqual(folders);
    expect([...new Set(namedDeliveries.map(({ eventName }) => eventName))].sort()).toEqual(folders);
    expect(taxonomy.unplanned).toBe('reject');
    for (const [eventName, { active, mode, owner }] of Object.entries(taxonomy.events)) {
      expect(readdirSync(join(schemasFolder, eventName))).toContain(`${String(active)}.json`);
      expect([mode, typeof owner]).toEqual(['enforce', 'string']);
    }
  });

  test('have names that end in a verb of the taxonomy, in the past tense', () => {
    for (const verb of taxonomy.verbs) expect(verb).toMatch(/^[a-z]+ed$/);
    expect(
      folders.filter((name) => !taxonomy.verbs.some((verb) => name.endsWith(`_${verb}`))),
    ).toEqual([]);
  });

  test('are closed objects with bounded strings, and compile in strict mode', () => {
    for (const eventName of folders) {
      const schema = readSchema(eventName);
      expect([schema['title'], schema['additionalProperties']]).toEqual([eventName, false]);
      expect([eventName, unboundedStrings(schema)]).toEqual([eventName, []]);
      expect(validatorOf(eventName)).toBeTypeOf('function');
    }
  });

  test('are what write-schemas.ts writes', () => {
    const stale = [...schemaFiles()].filter(
      ([path, content]) => readFileSync(join(schemasFolder, path), 'utf8') !== content,
    );
    expect(stale.map(([path]) => path)).toEqual([]);
  });
});

function unboundedStrings(schema: JsonObject): JsonObject[] {
  const inner = Object.values(schema).flatMap((value) =>
    isJsonObject(value) ? unboundedStrings(value) : [],
  );
  const isBounded = 'maxLength' in schema || 'enum' in schema;
  return schema['type'] === 'string' && !isBounded ? [schema, ...inner] : inner;
}
