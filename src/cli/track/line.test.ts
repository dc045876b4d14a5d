import { describe, expect, it } from 'vitest';

import { isUuid } from '../../event/event-id.ts';
import { readTrackLine } from './line.ts';

const key = '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11';

const read = (line: string | Buffer, makesKeys = false, number = 1) =>
  readTrackLine({ number, bytes: Buffer.from(line as string), isTooLong: false }, makesKeys);

const codeOf = (line: string | Buffer): string => {
  const reading = read(line);
  return 'error' in reading
    ? [reading.error.code, ...reading.error.violations.map(({ code }) => code)].join(' ')
    : 'sent';
};

const lineWith = (members: string): string =>
  `{"event_name":"a","idempotency_key":"${key}",${members}}`;

describe('readTrackLine', () => {
  it('carries every field of the contract', () => {
    const reading = read(
      `{"event_name":"order_completed","user_id":"u","anonymous_id":"a",` +
        `"idempotency_key":"${key}","context":{"n":[1,{"a":null}]},` +
        '"properties":{ "b":1.50, "b":[9007199254740993], "2":0, "1":0 },' +
        '"occurred_at":"2026-03-01T13:00:00.123+01:00","schema_version":"2"}',
    );
    expect(reading).toMatchObject({
      idempotencyKey: key,
      message: {
        eventName: 'order_completed',
        userId: 'u',
        anonymousId: 'a',
        idempotencyKey: key,
        // To the character: what it means is for the gate to validate.
        propertiesJson: '{ "b":1.50, "b":[9007199254740993], "2":0, "1":0 }',
        context: { n: [1, { a: null }] },
        occurredAt: { seconds: 1_772_366_400n, nanos: 123_000_000 },
        schemaVersion: 2,
      },
    });
  });

  it('accepts properties_json, and null for absent fields', () => {
    const members = '"properties":null,"properties_json":"{\\"a\\":1.0}","context":null';
    const reading = read(lineWith(members));
    expect(reading).toHaveProperty('message.propertiesJson', '{"a":1.0}');
    expect(reading).not.toHaveProperty('message.context');
  });

  it.each([
    ['{"event_name":', 'invalid_field json'],
    ['[]', 'invalid_field type'],
    [Buffer.from([0x22, 0xff, 0x22]), 'invalid_field json'],
    [lineWith('"eventName":"a"'), 'unknown_field unknown'],
    [lineWith('"__proto__":{}'), 'unknown_field unknown'],
    [lineWith('"source":"s"'), 'reserved_field reserved'],
    [lineWith('"user_id":1'), 'invalid_field type'],
    [lineWith('"occurred_at":"yesterday"'), 'invalid_field date-time'],
    [lineWith('"schema_version":1.5'), 'invalid_field type'],
    [lineWith('"properties":{},"properties_json":"{}"'), 'invalid_field one_of'],
    [lineWith('"user_id":"a","user_id":"b"'), 'invalid_field repeated'],
    [lineWith('"context":{"n":12345678901234567890}'), 'invalid_field number'],
    [lineWith('"user_id":"\\ud800"'), 'invalid_field unicode'],
    [lineWith('"context":{"n":["\\udfff"]}'), 'invalid_field unicode'],
    [lineWith('"user_id":"\\ud83d\\ude00"'), 'sent'],
    [lineWith('"properties":{"n":"\\ud800"}'), 'sent'],
    ['{"event_name":"a"}', 'missing_idempotency_key'],
    ['{"event_name":"a","idempotency_key":null}', 'missing_idempotency_key'],
    // Whether it is a UUID is for the gate to validate, and to keep.
    ['{"event_name":"a","idempotency_key":"k"}', 'sent'],
  ])('validates %s', (line, code) => {
    expect(codeOf(line)).toBe(code);
  });

  it('refuses a line that was cut', () => {
    const line = { number: 1, bytes: Buffer.from('{'), isTooLong: true };
    expect(readTrackLine(line, true)).toHaveProperty('error.code', 'event_too_large');
  });

  it('derives a key from the number and content of the line only', () => {
    const line = '{"event_name":"a"}';
    const made = read(line, true).idempotencyKey;
    expect(isUuid(made)).toBe(true);
    expect(read(line, true).idempotencyKey).toBe(made);
    expect(read(line, true, 2).idempotencyKey).not.toBe(made);
    expect(read('{"event_name":"b"}', true).idempotencyKey).not.toBe(made);
    expect(read(lineWith('"user_id":"u"'), true).idempotencyKey).toBe(key);
  });
});
