import * as fc from 'fast-check';

import { storedMembers } from '../../src/destinations/payload-members.ts';
import type { StoredEvent } from '../../src/event/stored-event.ts';
import { storedEvent } from './deliveries.ts';

/** In the order in which the gate stores it: such a payload is read from its bytes. */
export function asStored(event: StoredEvent): string {
  const members: Record<string, unknown> = { eventTime: event.timestamp, ...event };
  return JSON.stringify(Object.fromEntries(storedMembers.map(([each]) => [each, members[each]])));
}

const time = fc
  .date({ noInvalidDate: true, min: new Date('0001-01-02'), max: new Date('9999-12-30') })
  .map((date) => date.toISOString());
const fraction = fc.oneof(
  fc.constant(''),
  fc.nat(999_999_999).map((nanos) => `.${String(nanos).padStart(9, '0')}`),
  fc.nat(999).map((ms) => `.${String(ms).padStart(3, '0')}`),
  fc.constantFrom('.5', '.999999999', '.9999995', '.0000005', '.1234565', '.1234575'),
);
const zone = fc.constantFrom('Z', '+02:00', '-03:30', '+15:59', '-00:00');
const moment = fc
  .tuple(time, fraction, zone)
  .map(([text, digits, offset]) => `${text.slice(0, 19)}${digits}${offset}`);
const digits = (lengthMax: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[1-9][0-9]{0,${lengthMax - 1}}$`));
const numbers = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.tuple(digits(20), digits(20)).map(([whole, part]) => `-${whole}.000${part}0`),
  fc
    .tuple(digits(18), fc.integer({ min: -399, max: 380 }))
    .map(([whole, power]) => `${whole}e${power}`),
  fc.constantFrom(
    '0',
    '-0',
    '0.0',
    '10000',
    '9999',
    '0.0001',
    '0.00001',
    '1e22',
    '1e-7',
    '100000000',
  ),
);
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }).filter((value) => !value.includes('\0')),
  fc.constantFrom('', '\\N', '\t', 'null', `${'long '.repeat(50)}ü`, 'x'.repeat(100_000)),
);
const quoted = (values: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  values.map((value) => JSON.stringify(value));
/** The JSON of a property of each type of column. */
export const values = {
  text: quoted(text),
  flag: fc.constantFrom('true', 'false'),
  whole: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  large: fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String),
  amount: numbers,
  rough: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  id: quoted(fc.uuid()),
  day: quoted(time.map((value) => value.slice(0, 10))),
  clock: quoted(moment.map((value) => value.slice(11))),
  moment: quoted(moment),
  list: fc.array(numbers, { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
};
/** Payloads of an event `NAME` with these properties. */
export const payloads = fc
  .tuple(
    fc.record(values, { requiredKeys: [] }),
    moment,
    moment,
    fc.oneof(text, fc.constant('\ud800')),
  )
  .map(([properties, occurredAt, sentAt, userId]) => {
    const event = storedEvent({
      eventName: 'NAME',
      schemaVersion: 1,
      occurredAt,
      sentAt,
      userId,
      properties: 'HERE' as never,
    });
    const members = Object.entries(properties).map(([key, value]) => `"${key}":${value}`);
    return asStored(event).replace('"HERE"', () => `{${members.join(',')}}`);
  });
