import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeRequestPart, encodeStoredEvent } from '../event/stored-event.ts';
import { cutPayload } from './payload-members.ts';

const id = '9d90fc35-7e54-5f3d-bf7e-aac8e04eacba';

/** A payload as the gate writes it. */
function payloadOf(more: Record<string, unknown> = {}): string {
  const event = {
    eventName: 'order_completed',
    userId: 'Zoë 漢',
    anonymousId: '',
    idempotencyKey: id,
    properties: {},
    occurredAt: '',
    ...more,
  };
  const acceptance = {
    eventId: id,
    timestampMs: 1_772_366_400_000,
    schemaVersion: 2,
    warnings: [],
  };
  const request = { correlationId: 'c1', traceparent: '', sentAt: '' };
  return encodeStoredEvent(event as never, acceptance, 'shop', encodeRequestPart(request));
}

test('the members of a payload are those that parsing it gives', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()),
      fc.option(fc.dictionary(fc.string(), fc.jsonValue()), { nil: undefined }),
      fc.stringMatching(/^[\w .:@/+-]*$/),
      (properties, context, userId) => {
        const payload = payloadOf({ properties, context, userId });
        const members = cutPayload(payload)!;
        const parsed = JSON.parse(payload) as Record<string, unknown>;
        const texts = Object.keys(members).map((name) => {
          const value = parsed[name];
          return [name, typeof value === 'string' ? value : (JSON.stringify(value) ?? '')];
        });
        expect(members).toEqual(Object.fromEntries(texts));
        expect(Object.keys(parsed).every((name) => name in members)).toBe(true);
      },
    ),
  );
});

test('every digit of a number is kept', () => {
  const propertiesText = '{"n":[12345678901234567890,0.10,-0,1E+2,1e400]}';
  expect(cutPayload(payloadOf({ propertiesText }))?.properties).toBe(propertiesText);
});

describe('a payload is left to others', () => {
  test.each([
    ['that is no JSON', 'text'],
    ['that is empty', ''],
    ['that ends early', payloadOf().slice(0, -1)],
    ['with more after its end', `${payloadOf()} `],
    ['with an escape in an id', payloadOf({ userId: 'a"b' })],
    ['with an empty id', payloadOf().replace('Zoë 漢', '')],
    ['with an id that is no text', payloadOf().replace('"Zoë 漢"', '7')],
    ['with an unknown member', payloadOf().replace('"userId"', '"userName"')],
    ['with a member twice', payloadOf().replace('"userId"', '"eventTime":"x","userId"')],
    [
      'with its members in another order',
      payloadOf().replace('"eventId"', '"userId":"a","eventId"'),
    ],
    ['with a version that is no integer', payloadOf().replace('Version":2', 'Version":2.5')],
    ['with a space between tokens', payloadOf({ propertiesText: '{"a": 1}' })],
    ['with a line break in a text', payloadOf({ propertiesText: '{"a":"\n"}' })],
    ['that is too deep', payloadOf({ propertiesText: '['.repeat(501) + ']'.repeat(501) })],
  ])('%s', (_, payload) => {
    expect(cutPayload(payload)).toBeUndefined();
  });

  test('of the greatest depth it is cut', () => {
    const propertiesText = '['.repeat(500) + ']'.repeat(500);
    expect(cutPayload(payloadOf({ propertiesText }))?.properties).toBe(propertiesText);
  });

  test('exactly where its properties are no JSON', () => {
    const texts = [
      '{}',
      '[]',
      '{"a":1}',
      '[1,"b",true,null]',
      '-1.5e-7',
      '{"a":{"b":["\\u00e9\\n"]}}',
    ];
    const broken = fc.tuple(
      fc.constantFrom(...texts),
      fc.nat(24),
      fc.constantFrom(...'{}[],:"\\0-.ex'),
    );
    fc.assert(
      fc.property(broken, ([text, at, character]) => {
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        const members = cutPayload(payloadOf({ propertiesText: changed }));
        expect(members?.properties === changed).toBe(isJson(changed));
      }),
      { numRuns: 2_000 },
    );
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
