import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { cutPayload, storedMembers } from '../../payload-members.ts';
import { cutEvent, findMembers, memberCount } from './cut-event.ts';

const lengths = new Uint16Array(memberCount + 3);
const starts = new Int32Array(memberCount);

/** The members, cut out of a larger buffer; undefined if they cannot be cut. */
function cut(payload: string): Record<string, string> | undefined {
  const [before, after] = ['{"x":', '"} more'];
  const bytes = Buffer.from(`${before}${payload}${after}`);
  const end = bytes.length - after.length;
  if (!cutEvent(bytes, before.length, end, lengths, 3)) return undefined;
  findMembers(before.length, lengths, 3, starts);
  return Object.fromEntries(
    storedMembers.map(([name], at) => {
      const length = lengths[3 + at]!;
      return [name, length === 0 ? '' : bytes.toString('utf8', starts[at], starts[at]! + length)];
    }),
  );
}

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.uuid());
const optional = { requiredKeys: [] };
const event = fc
  .tuple(
    fc.record({ eventId: text, eventName: text, source: text, timestamp: text, eventTime: text }),
    fc.record({ userId: text, anonymousId: text }, optional),
    fc.record({ idempotencyKey: text }),
    fc.record(
      { schemaVersion: fc.nat(), properties: fc.jsonValue(), context: fc.jsonValue() },
      optional,
    ),
    fc.record({ occurredAt: text, correlationId: text, warnings: fc.jsonValue() }, optional),
  )
  .map((parts) => JSON.stringify(Object.assign({}, ...parts)));

/** What `cutEvent` is to find. It also wants what every row needs. */
function wantedOf(payload: string): Record<string, string> | undefined {
  const found = cutPayload(payload);
  if (found === undefined) return undefined;
  const { eventId, eventName, source, timestamp, eventTime, idempotencyKey } = found;
  const required = [eventId, eventName, source, timestamp, eventTime, idempotencyKey];
  return required.includes('') ? undefined : { ...found };
}

test('an event has the members that cutPayload finds', () => {
  fc.assert(
    fc.property(event, (payload) => {
      expect(cut(payload)).toEqual(wantedOf(payload));
    }),
    { numRuns: 500 },
  );
});

const whole =
  '{"eventId":"e","eventName":"n","source":"s","timestamp":"t","eventTime":"t","idempotencyKey":"k",' +
  '"properties":{"a":[1,-2.5e+3,true,{"b":"\\u00e9\\n"}]}}';

test('a payload with one character changed, removed or added is cut as cutPayload does, or not at all', () => {
  expect(cut(whole)).toMatchObject({ eventId: 'e', idempotencyKey: 'k' });
  const changes = [...'"\\,:{}[]0-.eEtn \u0001é'];
  for (let at = 0; at < whole.length; at += 1) {
    for (const change of ['', ...changes]) {
      for (const kept of [at, at + 1]) {
        const payload = whole.slice(0, at) + change + whole.slice(kept);
        expect({ payload, found: cut(payload) }).toEqual({ payload, found: wantedOf(payload) });
      }
    }
  }
});
