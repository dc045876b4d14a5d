import type { SQLInputValue } from 'node:sqlite';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { asBound, createFillRow } from '../../src/destinations/sqlite/payload-values.ts';
import { sqliteDialect } from '../../src/destinations/sqlite/typed-statements.ts';
import { createRowMaker, readTypedPayload } from '../../src/destinations/tables/event-row.ts';
import { planTable, type TablePlan } from '../../src/destinations/tables/plan-table.ts';
import type { JsonObject } from '../../src/event/json/json.ts';
import '../property-seed.ts';
import { generatedHistory } from '../tables/generated-events.ts';
import {
  anyKind,
  expectSame,
  headsOf,
  oddProperties,
  otherMembers,
  payloadWith,
  spellings,
} from './payload-spellings.ts';

/*
 * The values of a row are read from the bytes of a payload, or are those of its event. Both have to be the same, or a
 * payload's spelling would decide what a table holds.
 */

const deliveredAt = '2026-03-02T00:00:00.000Z';

function planOf(schemas: readonly JsonObject[]): TablePlan {
  return planTable({ name: 'order_completed', schemas }, { dialect: sqliteDialect, prefix: '' });
}

/** Each value with its type: SQLite keeps 1 and 1n apart in a column of any numbers. */
const textOf = (values: readonly SQLInputValue[]): string =>
  values.map((value) => `${typeof value} ${String(value)}`).join('\n');

/** Undefined where the payload is left to its event. */
function rowsFromBytes(plan: TablePlan, payloads: readonly Uint8Array[]): (string | undefined)[] {
  const fill = createFillRow(plan);
  return headsOf(payloads).map((head) => {
    const values: SQLInputValue[] = [];
    return head !== undefined && fill(values, head, deliveredAt) ? textOf(values) : undefined;
  });
}

function rowFromEvent(plan: TablePlan, payload: Uint8Array): string {
  const event = readTypedPayload(new TextDecoder().decode(payload));
  if (typeof event === 'string') return event;
  const row = createRowMaker(plan).rowOf(event, { sequence: 7, deliveredAt });
  return textOf([...(row.event as SQLInputValue[]), ...row.properties.map(asBound)]);
}

/** Expects the same rows, and returns how many were read from bytes. */
function expectSameRows(plan: TablePlan, payloads: readonly Uint8Array[]): number {
  return expectSame(payloads, rowsFromBytes(plan, payloads), (payload) =>
    rowFromEvent(plan, payload),
  );
}

test('a row is the same from bytes and from its event, in every version of a generated contract', () => {
  let fromBytes = 0;
  let all = 0;
  fc.assert(
    fc.property(generatedHistory, ({ schemas, events }) => {
      const payloads = events.map(({ properties, version }) => payloadWith(properties, version));
      fromBytes += expectSameRows(planOf(schemas), payloads);
      all += payloads.length;
    }),
    { numRuns: 300 },
  );
  // Names with escapes are left, odd numbers in JSON, and what does not fit.
  expect(fromBytes).toBeGreaterThan(all / 5);
});

test('each value in a column of each kind is the same', () => {
  const plan = planOf([anyKind]);
  const names = Object.keys(anyKind['properties'] as JsonObject);
  const payloads = names.flatMap((name) =>
    spellings.map((value) => payloadWith(`{"other":[{}],"${name}":${value},"last":"x"}`)),
  );
  // More than half of them do not fit.
  expect(expectSameRows(plan, payloads)).toBeGreaterThan(payloads.length * 0.25);
});

test('generated numbers of up to 15 digits are the doubles that JSON.parse makes of them', () => {
  const plan = planOf([anyKind]);
  const digits = fc.bigInt({ min: -(10n ** 15n) + 1n, max: 10n ** 15n - 1n });
  fc.assert(
    fc.property(digits, fc.nat({ max: 14 }), (all, fraction) => {
      const text = String(all < 0n ? -all : all).padStart(fraction + 1, '0');
      const at = text.length - fraction;
      const number = `${all < 0n ? '-' : ''}${text.slice(0, at)}${fraction > 0 ? '.' : ''}${text.slice(at)}`;
      const names = ['whole', 'large', 'cents', 'number', 'double', 'any'];
      const payloads = names.map((name) => payloadWith(`{"${name}":${number}}`));
      expect(expectSameRows(plan, payloads)).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});

test('members of any order, unknown ones and those that come twice are the same', () => {
  const payloads = oddProperties.map((properties) => payloadWith(properties));
  expect(expectSameRows(planOf([anyKind]), payloads)).toBe(6);
});

test('what every event has is the same, with characters of every length', () => {
  const plan = planOf([anyKind]);
  const same = otherMembers.flatMap((overrides) => [
    payloadWith('{"text":"a"}', 1, overrides),
    payloadWith('{"text":"a"}', 1, { ...overrides, userId: 'ascii', context: { page: 1 } }),
  ]);
  expect(expectSameRows(plan, same)).toBe(same.length);
});

test('what is not a stored event is left', () => {
  const plan = planOf([anyKind]);
  const left = [
    { timestamp: '2026-02-30T00:00:00.000Z' },
    { userId: 'a "word"' },
    { eventTime: undefined },
  ].map((overrides) => payloadWith('{}', 1, overrides));
  const whole = payloadWith('{}');
  const broken = Buffer.from(whole);
  broken[broken.indexOf('Zo') + 2] = 0xff;
  left.push(broken, whole.subarray(0, -1), Buffer.concat([whole, Buffer.from(' ')]));
  expect(rowsFromBytes(plan, left)).toEqual(left.map(() => undefined));
});
