import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { IncomingEvent } from '../../event/incoming-event.ts';
import { decodeBatchJson, readBatchBody } from './decode-json.ts';
import { decodeVendorBatch, memberOf, readVendorBatch } from './vendor/decode-vendor.ts';

const good = (name: string): string =>
  `{"event_name":"${name}","user_id":"u","idempotency_key":"k","properties":{"t":"a]}{[\\","}}`;

const batchOf = (elements: readonly (string | Buffer)[], more = ''): Buffer =>
  Buffer.concat([
    Buffer.from(' {"sent_at":"2026-03-01T12:00:00Z", "events": ['),
    ...elements.flatMap((each, index) => [
      Buffer.from(index === 0 ? '' : ' ,\n'),
      Buffer.from(each),
    ]),
    Buffer.from(`] ${more}}`),
  ]);

const seen = ({ original, written: _written, ...event }: IncomingEvent): unknown => ({
  ...event,
  original: Buffer.from(original()).toString('latin1'),
});

const decode = (body: Buffer, max = 100) => decodeBatchJson(body, 'rest', max);

describe('one event of three that cannot be read', () => {
  test.each<[string, string | Buffer]>([
    ['Infinity', '{"event_name":"b","properties":{"n": Infinity}}'],
    ['NaN', '{"n":NaN}'],
    ['a bare word', 'undefined'],
    ['a trailing comma', '{"event_name":"b",}'],
    ['single quotes', "{'event_name': 'b', 'l': [1, {}]}"],
    ['a comment', '{"a": 1 /* one */}'],
    ['a line end in a string', '{"a": "one\ntwo, three]"}'],
    ['an array that is not closed', '{"a": [1, {"b": 2}'.concat('}')],
    ['a brace too many', '{"a": 1}}'],
    ['an escape that is none', String.raw`{"a": "\x41"}`],
    ['bytes that are no UTF-8', Buffer.from([...Buffer.from('{"a":"'), 0xe9, 0x22, 0x7d])],
  ])('%s: its neighbours are read, and it is kept as sent', (_what, broken) => {
    const context = '"context":{"page":"p"}';
    const { events, ...request } = decode(batchOf([good('a'), broken, good('c')], `,${context}`));
    expect(events.map(({ eventName }) => eventName)).toEqual(['a', '', 'c']);
    expect(events.map(({ fault }) => fault?.code)).toEqual([undefined, 'invalid_field', undefined]);
    expect(Buffer.from(events[1]!.original())).toEqual(Buffer.from(broken));
    expect(Buffer.from(events[2]!.original()).toString()).toBe(good('c'));
    expect(request).toMatchObject({
      context: { page: 'p' },
      sentAt: '2026-03-01T12:00:00.000Z',
    });
  });

  test.each([
    ['as a value', '"context":{"page":"events"}'],
    ['as a name in a context', '"context":{"events":1,"l":[{"events":[]}]}'],
    ['in a text', String.raw`"context":{"page":"say \"events\": [1]"}`],
    ['as the beginning of a name', '"context":{"events_seen":1}'],
  ])('what the array is called may stand behind it %s', (_what, context) => {
    const { events } = decode(batchOf([good('a'), '{"a":1,}', good('c')], `,${context}`));
    expect(events.map(({ fault }) => fault?.code)).toEqual([undefined, 'invalid_field', undefined]);
  });

  test.each(['"events":[1]', '"context":{"a":"]}"},"events":[]', '"events":1,"x":nonsense'])(
    'a second array may not: %s',
    (members) => {
      expect(() => decode(batchOf([good('a'), '{"a":1,}', good('c')], `,${members}`))).toThrow(
        expect.objectContaining({ code: 'malformed_request' }),
      );
    },
  );

  test('nothing between two commas is rejected as one', () => {
    const { events } = decode(batchOf([good('a'), '', good('c'), '']));
    expect(events.map(({ fault }) => fault === undefined)).toEqual([true, false, true, false]);
    expect(events[1]!.fault!.message).toContain('a comma too many');
  });

  test('an exact number of a neighbour keeps its digits', () => {
    const exact = '{"event_name":"c","properties":{"id":12345678901234567890}}';
    const { events } = decode(batchOf(['{"n":NaN}', exact]));
    expect(events[1]!.propertiesText).toBe('{"id":12345678901234567890}');
  });
});

describe('an event without an end', () => {
  test.each([
    ['a string', '{"event_name":"b","a":"x}'],
    ['a bracket of the batch', '{"event_name":"b"],"c":1}'],
  ])('%s: it and what follows is one rejected event', (_what, broken) => {
    const body = batchOf([good('a'), '{"n":NaN}', broken, good('d')]);
    const { events } = decode(body);
    expect(events.map(({ fault }) => fault === undefined)).toEqual([true, false, false]);
    expect(events[2]!.fault!.message).toContain('No end of this event can be found');
    const at = body.indexOf(broken);
    expect(Buffer.from(events[2]!.original())).toEqual(body.subarray(at));
  });

  test.each([
    ['no event before it', batchOf(['{"a":"x}', good('b')])],
    ['every event is whole', Buffer.from(`{"events":[${good('a')},${good('b')}`)],
    ['validate_only is lost', batchOf([good('a'), '{"a":"x}'], ',"validate_only":true')],
    [
      'validate_only is lost, with an escape in it',
      batchOf([good('a'), '{"a":"x}'], String.raw`,"validate\u005fonly":true`),
    ],
    ['another member is wrong', batchOf([good('a')], ',"context":NaN')],
    ['a second array', batchOf([good('a'), '{"n":NaN}'], ',"events":[]')],
    ['no array', Buffer.from('{"events":{"a":NaN}}')],
  ])('refuses the request: %s', (_what, body) => {
    expect(() => decode(body)).toThrow('The body is not JSON');
  });

  test('deep brackets are counted', () => {
    const deep = '['.repeat(100_000);
    const { events } = decode(batchOf([good('a'), `${deep}x${']'.repeat(100_000)}`, good('c')]));
    expect(events.map(({ eventName }) => eventName)).toEqual(['a', '', 'c']);
  });
});

test('the limit holds for what cannot be read, too', () => {
  const body = batchOf([good('a'), '{"n":NaN}', good('c')]);
  expect(decode(body, 3).events).toHaveLength(3);
  expect(() => decode(body, 2)).toThrow('The batch has 3 events; the limit is 2');
});

test.each(['[[[[{', '}', ']', '","', '[}', '{]', ',', '"\\'])('reads 4 MiB of %s once', (piece) => {
  const body = Buffer.from(`{"events":[${good('a')},${piece.repeat((4 << 20) / piece.length)}`);
  const startedAt = performance.now();
  try {
    decode(body);
  } catch {
    // Refused as a whole.
  }
  expect(performance.now() - startedAt).toBeLessThan(4000);
});

test.each([undefined, 'batch'])('vendors: the batch is at %s', (name) => {
  const list = `\ufeff[{"a":1},{"n":-Infinity},{"a":3}]`;
  const body = Buffer.from(name === undefined ? list : `{"x":[0],"batch":${list.slice(1)}}`);
  const read = readVendorBatch(body, name, 10);
  const batch = name === undefined ? read : memberOf(read, name);
  const events = decodeVendorBatch(
    batch,
    { translate: (event) => ({ event: { properties: event } }) },
    10,
  );
  expect(events.map(({ properties }) => properties)).toEqual([{ a: 1 }, {}, { a: 3 }]);
  expect(Buffer.from(events[1]!.original()).toString()).toBe('{"n":-Infinity}');
});

/** Texts in which brackets, quotes and commas abound. */
const text = fc.string({
  unit: fc.constantFrom('"', '\\', '[', ']', '{', '}', ',', ':', 'é', '\n', 'a', '1'),
  maxLength: 8,
});
const event = fc
  .record({
    event_name: text,
    properties: fc.dictionary(text, fc.oneof(text, fc.integer(), fc.array(text))),
  })
  .map((value) => JSON.stringify(value));
const events = fc.array(event, { minLength: 1, maxLength: 6 });

/** Each makes an event no JSON and leaves its end where it is. */
const corrupt = fc.constantFrom<(sound: string) => string>(
  (sound) => sound.replace(/\}$/, ',"n":NaN}'),
  (sound) => sound.replace(/\}$/, ',}'),
  (sound) => sound.replace('{', '{x'),
  (sound) => sound.replace(/\}$/, ',"a":"\t"}'),
  () => 'nothing',
  (sound) => sound.replace(/\}$/, '[1}'),
);

test('a batch that JSON.parse takes is not touched', () => {
  fc.assert(
    fc.property(events, (sound) => {
      const body = batchOf(sound);
      const read = readBatchBody(body, 'events', 100);
      expect(read).toEqual({ text: body.toString(), value: JSON.parse(body.toString()) });
    }),
  );
});

test('an event that cannot be read leaves the others as they are', () => {
  fc.assert(
    fc.property(events, corrupt, fc.nat(), (sound, damage, seed) => {
      const at = seed % sound.length;
      const broken = sound.with(at, damage(sound[at]!));
      const [before, after] = [decode(batchOf(sound)).events, decode(batchOf(broken)).events];
      expect(after.map(seen).toSpliced(at, 1)).toEqual(before.map(seen).toSpliced(at, 1));
      expect(after[at]!.fault?.code).toBe('invalid_field');
      expect(Buffer.from(after[at]!.original()).toString()).toBe(broken[at]);
    }),
    { numRuns: 500 },
  );
});
