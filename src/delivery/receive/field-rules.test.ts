import { createHmac } from 'node:crypto';

import { array, assert, property, stringMatching } from 'fast-check';
import { describe, expect, test } from 'vitest';

import { createSecret } from '../../config/secret.ts';
import { compileFieldRules } from './field-rules.ts';

const key = '0123456789abcdef';
const hmac = (text: string): string => createHmac('sha256', key).update(text).digest('hex');

const envelope = {
  eventId: '1d28405d-9185-5e83-b767-44d17a84e516',
  eventName: 'order_completed',
  source: 'shop',
  timestamp: '2026-01-02T03:04:05.678Z',
  idempotencyKey: '7d28405d-9185-4e83-b767-44d17a84e516',
};
const who = { userId: 'u-1', anonymousId: 'a-1' };

function mapped(
  rules: { allow?: string[]; drop?: string[]; hash?: string[] },
  event: object | string,
): string {
  const paths = (texts: string[] = []) => texts.map((text) => text.slice(1).split('/'));
  const map = compileFieldRules({
    allow: rules.allow && paths(rules.allow),
    drop: paths(rules.drop),
    hash: paths(rules.hash),
    hashKey: createSecret(key),
  });
  const text = typeof event === 'string' ? event : JSON.stringify(event);
  return new TextDecoder().decode(map(new TextEncoder().encode(text)));
}

const read = (...given: Parameters<typeof mapped>): unknown => JSON.parse(mapped(...given));

describe('allow', () => {
  const event = {
    ...envelope,
    ...who,
    properties: { total: 5, email: 'x', items: [{ sku: 's1', note: 'n' }, { sku: 's2' }, 7] },
    context: { ip: '10.0.0.1', page: { url: '/a', title: 't' } },
  };

  test('keeps the named fields and the fields that identify the event', () => {
    const allow = ['/properties/total', '/properties/items/*/sku', '/context/page/url'];
    expect(read({ allow }, event)).toEqual({
      ...envelope,
      properties: { total: 5, items: [{ sku: 's1' }, { sku: 's2' }] },
      context: { page: { url: '/a' } },
    });
    expect(read({ allow: ['/user_id', '/context'] }, event)).toEqual({
      ...envelope,
      userId: 'u-1',
      context: event.context,
    });
    expect(read({ allow: ['/properties/none'] }, event)).toEqual({ ...envelope, properties: {} });
    expect(read({ allow: ['/properties/items/1'] }, event)).toMatchObject({
      properties: { items: [{ sku: 's2' }] },
    });
  });

  test('applies before drop, and drop before hash', () => {
    const rules = {
      allow: ['/properties', '/user_id'],
      drop: ['/properties/items', '/properties/total'],
      hash: ['/properties', '/user_id'],
    };
    expect(read(rules, event)).toEqual({
      ...envelope,
      userId: hmac('u-1'),
      properties: { email: hmac('x') },
    });
  });
});

test('drop removes the named fields, at every match of a star', () => {
  const event = {
    ...envelope,
    ...who,
    properties: { a: { ip: 1, b: 2 }, c: { ip: 3 }, list: [1, 2, 3] },
  };
  const drop = ['/properties/*/ip', '/anonymous_id', '/context/ip', '/properties/list/0'];
  expect(read({ drop }, event)).toEqual({
    ...envelope,
    userId: 'u-1',
    properties: { a: { b: 2 }, c: {}, list: [2, 3] },
  });
  expect(read({ drop: ['/properties'] }, event)).toEqual({ ...envelope, ...who });
});

test('hash replaces each text, number and boolean by its HMAC, and keeps null', () => {
  const properties = {
    mail: 'a@b.c',
    deep: { n: 12, yes: true, none: null, list: ['x'] },
    keep: 1,
  };
  const hash = ['/properties/mail', '/properties/deep', '/user_id'];
  expect(read({ hash }, { ...envelope, ...who, properties })).toEqual({
    ...envelope,
    ...who,
    userId: hmac('u-1'),
    properties: {
      mail: hmac('a@b.c'),
      deep: { n: hmac('12'), yes: hmac('true'), none: null, list: [hmac('x')] },
      keep: 1,
    },
  });
});

test('kept numbers keep their digits, and a number is hashed by its text', () => {
  const text =
    `{"eventId":"e","properties":{"id":12345678901234567890,"price":1.10,"n":1e400,` +
    `"secret":98765432109876543210,"drop":1}}`;
  const rules = { drop: ['/properties/drop'], hash: ['/properties/secret'] };
  expect(mapped(rules, text)).toBe(
    `{"eventId":"e","properties":{"id":12345678901234567890,"price":1.10,"n":1e400,` +
      `"secret":"${hmac('98765432109876543210')}"}}`,
  );
});

test.each([
  ['100', '1e2', '100.0'],
  ['0', '-0', '0.0'],
])('%s has one hash, however it is written', (canonical, ...others) => {
  for (const number of [canonical, ...others]) {
    const text = `{"eventId":"e","properties":{"secret":${number},"other":12345678901234567890}}`;
    expect(mapped({ hash: ['/properties/secret'] }, text)).toContain(hmac(canonical));
  }
});

test('numbers of any form are written as received', () => {
  const digits = stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/);
  assert(
    property(array(digits, { minLength: 1 }), (numbers) => {
      const text = `{"eventId":"e","properties":{"n":${numbers[0]},"list":[${numbers.join(',')}]}}`;
      expect(mapped({ drop: ['/context/ip'] }, text)).toBe(text);
    }),
  );
});

test('names with a meaning in JavaScript are ordinary names', () => {
  const text =
    '{"eventId":"e","properties":{"__proto__":{"ip":1,"b":2},"constructor":"c","\\n":"d"}}';
  expect(
    mapped({ drop: ['/properties/__proto__/ip'], hash: ['/properties/constructor'] }, text),
  ).toBe(
    `{"eventId":"e","properties":{"__proto__":{"b":2},"constructor":"${hmac('c')}","\\n":"d"}}`,
  );
  expect(mapped({ drop: ['/properties/toString'] }, text)).toBe(text);
});

test.each(['not json', '{"eventId":7}', '[]', '{"eventId":"e"'])('throws on %s', (text) => {
  expect(() => mapped({ drop: ['/context'] }, text)).toThrow(/JSON|eventId/);
});
