import type { SQLInputValue } from 'node:sqlite';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { asBound, createFillRow } from '../../src/destinations/sqlite/payload-values.ts';
import { sqliteDialect } from '../../src/destinations/sqlite/typed-statements.ts';
import { createRowMaker, readTypedPayload } from '../../src/destinations/tables/event-row.ts';
import type { TablePlan } from '../../src/destinations/tables/plan-table.ts';
import { anyKind, headsOf, otherMembers, payloadWith } from './payload-spellings.ts';
import { testRowsFromBytes } from './rows-from-bytes.ts';

const deliveredAt = '2026-03-02T00:00:00.000Z';

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

const { planOf, expectSame } = testRowsFromBytes({
  dialect: sqliteDialect,
  fromBytes: rowsFromBytes,
  fromValues: rowFromEvent,
  parts: { generated: 1 / 5, kinds: 1 / 4 },
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
      expect(expectSame(plan, payloads)).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});

test('what every event has is the same, with characters of every length', () => {
  const plan = planOf([anyKind]);
  const same = otherMembers.flatMap((overrides) => [
    payloadWith('{"text":"a"}', 1, overrides),
    payloadWith('{"text":"a"}', 1, { ...overrides, userId: 'ascii', context: { page: 1 } }),
  ]);
  expect(expectSame(plan, same)).toBe(same.length);
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
