import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';

import { createValidation, loadRegistry, type Validation } from './validation.ts';
import { errorTable } from '../errors.ts';
import { identityPlaceholders } from './identity.ts';
import { orderCompleted, validationOf } from './schemas-folder.fixture.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';
import type { JsonObject } from '../event/json/json.ts';

let validation: Validation;

beforeAll(async () => {
  validation = createValidation(await loadRegistry('schemas'));
});

function codeOf(change: Partial<IncomingEvent>): string | undefined {
  return validation.validate(orderCompleted(change)).error?.code;
}

describe('a valid event', () => {
  test('is validated by the active version', () => {
    const result = validation.validate(orderCompleted());
    expect(result).toEqual({ error: undefined, warnings: [], schemaVersion: 2 });
  });

  test('shares one validation result', () => {
    expect(validation.validate(orderCompleted())).toBe(validation.validate(orderCompleted()));
  });

  test('may name an older version', () => {
    const properties = { order_id: 'A-1001', total: 49.9 };
    const first = validation.validate(orderCompleted({ schemaVersion: 1, properties }));
    expect(first).toEqual({ error: undefined, warnings: [], schemaVersion: 1 });
    expect(codeOf({ schemaVersion: 2, properties })).toBe('schema_violation');
  });

  test('needs only one of the two ids', () => {
    expect(codeOf({ userId: '', anonymousId: 'a-1' })).toBeUndefined();
    expect(codeOf({ userId: '  ', anonymousId: 'a-1' })).toBeUndefined();
  });

  test('is one of the planned names', () => {
    expect(validation.eventNames).toEqual([
      'order_completed',
      'invoice_paid',
      'user_signed_up',
      'page_viewed',
    ]);
  });
});

describe('event_name', () => {
  const words = ['', ' ', 'Order Completed', 'order_', 'completed', 'order_refunding'];
  const signs = ['_completed', 'order__completed', 'order-completed', '1st_completed', 'é_paid'];
  test.each([...words, ...signs])('refuses %j', (eventName) =>
    expect(codeOf({ eventName })).toBe('invalid_event_name'),
  );

  test('accepts 128 characters and refuses 129', () => {
    expect(codeOf({ eventName: `${'a'.repeat(118)}_completed` })).toBe('unplanned_event');
    expect(codeOf({ eventName: `${'a'.repeat(119)}_completed` })).toBe('invalid_event_name');
  });

  test('suggests the planned name for another spelling', () => {
    const { error } = validation.validate(orderCompleted({ eventName: 'OrderCompleted' }));
    expect(error?.message).toContain('Did you mean order_completed?');
  });

  test('names the verbs', () => {
    const { error } = validation.validate(orderCompleted({ eventName: 'order_refunding' }));
    expect(error?.message).toContain('signed_up');
  });

  test('without an entry is unplanned, and the nearest known name is suggested', () => {
    const { error } = validation.validate(orderCompleted({ eventName: 'orders_completed' }));
    expect(error?.code).toBe('unplanned_event');
    expect(error?.message).toBe(
      'the taxonomy has no event of this name. Did you mean order_completed?',
    );
  });

  test('named as a property of every object is unplanned', () => {
    expect(codeOf({ eventName: 'constructor' })).toBe('invalid_event_name');
    expect(codeOf({ eventName: '__proto___completed' })).toBe('invalid_event_name');
  });

  test('unplanned is stored with a warning if the taxonomy says warn', async () => {
    const lenient = await validationOf({ type: 'object' }, '', 'warn');
    const validation = lenient.validate(orderCompleted({ eventName: 'person_signed_up' }));
    expect(validation.error).toBeUndefined();
    expect(validation.schemaVersion).toBe(0);
    expect(validation.warnings.map(({ code }) => code)).toEqual(['unplanned_event']);
  });
});

describe('identity', () => {
  test('is missing if both ids are blank', () => {
    expect(codeOf({ userId: '', anonymousId: '' })).toBe('missing_identity');
    expect(codeOf({ userId: ' \t', anonymousId: '\n' })).toBe('missing_identity');
  });

  test('has 30 placeholders', () => {
    expect(identityPlaceholders).toHaveLength(30);
  });

  test.each(identityPlaceholders)('refuses the placeholder %j', (placeholder) => {
    expect(codeOf({ userId: placeholder })).toBe('missing_identity');
    expect(codeOf({ userId: ` ${placeholder.toUpperCase()}\n` })).toBe('missing_identity');
    expect(codeOf({ anonymousId: placeholder })).toBe('missing_identity');
    expect(codeOf({ userId: `${placeholder}x1` })).toBeUndefined();
  });

  test.each(['userId', 'anonymousId'])('%s accepts 256 characters and refuses 257', (field) => {
    expect(codeOf({ [field]: 'x'.repeat(256) })).toBeUndefined();
    expect(codeOf({ [field]: 'x'.repeat(257) })).toBe('invalid_field');
  });
});

describe('idempotency_key', () => {
  test.each([
    ['', 'missing_idempotency_key'],
    ['  ', 'missing_idempotency_key'],
    ['order-1001', 'invalid_idempotency_key'],
    ['00000000-0000-0000-0000-000000000000', 'invalid_idempotency_key'],
    [' 0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11', 'invalid_idempotency_key'],
  ])('%j is a %s', (idempotencyKey, code) => expect(codeOf({ idempotencyKey })).toBe(code));

  test('may be in upper case', () => {
    expect(codeOf({ idempotencyKey: '0190B5F0-7C4E-7D60-9F0A-2F1D6C1F6A11' })).toBeUndefined();
  });
});

test('reports the first error in the order of the contract', () => {
  const fault = { code: 'unknown_field', message: 'x', violations: [] };
  const change = { fault, eventName: '', userId: '', idempotencyKey: '', schemaVersion: 9 };
  expect(validation.validate(orderCompleted(change)).error).toBe(fault);
  const rest = { ...change, fault: undefined };
  expect(codeOf(rest)).toBe('invalid_event_name');
  expect(codeOf({ ...rest, eventName: 'cart_created' })).toBe('missing_identity');
  const named = { ...rest, eventName: 'cart_created', userId: 'u-1' };
  expect(codeOf(named)).toBe('missing_idempotency_key');
  const keyed = { eventName: 'cart_created', schemaVersion: 9, properties: {} };
  expect(codeOf(keyed)).toBe('unplanned_event');
  expect(codeOf({ schemaVersion: 9, properties: {} })).toBe('unknown_schema_version');
});

test.each([3, -1, 1.5, NaN])('the version %d is unknown', (schemaVersion) => {
  const { error } = validation.validate(orderCompleted({ schemaVersion }));
  expect(error?.code).toBe('unknown_schema_version');
  expect(error?.message).toContain('1, 2');
});

describe('mode', () => {
  const schema = { type: 'object', required: ['order_id'] };

  test('enforce rejects', async () => {
    const { validate } = await validationOf(schema, ', mode: enforce');
    const { error, warnings } = validate(orderCompleted({ properties: {} }));
    expect(error?.code).toBe('schema_violation');
    expect(error?.violations).toHaveLength(1);
    expect(warnings).toEqual([]);
  });

  test('warn stores with the violations', async () => {
    const { validate } = await validationOf(schema, ', mode: warn');
    const { error, warnings, schemaVersion } = validate(orderCompleted({ properties: {} }));
    expect(error).toBeUndefined();
    expect(schemaVersion).toBe(1);
    expect(warnings.map(({ code }) => code)).toEqual(['schema_violation']);
    expect(warnings[0]?.violations[0]?.path).toBe('/properties/order_id');
  });

  test('off validates only the version', async () => {
    const { validate } = await validationOf(schema, ', mode: off');
    const validation = validate(orderCompleted({ properties: {} }));
    expect(validation).toEqual({ error: undefined, warnings: [], schemaVersion: 1 });
    expect(validate(orderCompleted({ schemaVersion: 2 })).error?.code).toBe(
      'unknown_schema_version',
    );
  });
});

test('refuses properties nested too deep to compare, without throwing', async () => {
  const { validate } = await validationOf({
    type: 'object',
    properties: { list: { type: 'array', maxItems: 9, uniqueItems: true } },
  });
  const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
  const properties = JSON.parse(`{"list": [${deep}, ${deep}]}`);
  const { error } = validate(orderCompleted({ properties }));
  expect(error?.code).toBe('invalid_field');
});

test('validating any event does not throw, and returns a code of the error table', () => {
  const text = fc.string({ unit: 'binary', maxLength: 300 });
  const name = fc.constantFrom('order_completed', 'page_viewed', 'cart_created', '');
  const key = fc.oneof(fc.uuid(), text);
  const known = fc.record(
    { order_id: fc.jsonValue(), total: fc.jsonValue(), items: fc.array(fc.jsonValue()) },
    { requiredKeys: [] },
  );
  const unknown = fc.dictionary(text, fc.jsonValue());
  const properties = fc.oneof(known, unknown) as fc.Arbitrary<JsonObject>;
  fc.assert(
    fc.property(fc.oneof(name, text), text, key, properties, fc.nat(3), (...parts) => {
      const [eventName, userId, idempotencyKey, properties, schemaVersion] = parts;
      const change = { eventName, userId, idempotencyKey, properties, schemaVersion };
      const { error, warnings } = validation.validate(orderCompleted(change));
      for (const { code } of [...(error === undefined ? [] : [error]), ...warnings]) {
        expect(errorTable).toHaveProperty(code);
      }
    }),
  );
});
