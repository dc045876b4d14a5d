import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import type { TableDialect } from '../../src/destinations/tables/dialect.ts';
import { planTable, type TablePlan } from '../../src/destinations/tables/plan-table.ts';
import type { JsonObject } from '../../src/event/json/json.ts';
import '../property-seed.ts';
import { generatedHistory } from '../tables/generated-events.ts';
import { anyKind, oddProperties, payloadWith, spellings } from './payload-spellings.ts';

/*
 * An engine makes a row of the bytes of a payload, or of the values of its event. Both have to be the same, or a payload's
 * spelling would decide what a table holds.
 */

/** The two ways of an engine. Rows are texts that are equal if the rows are. */
export interface RowsOfEngine {
  readonly dialect: TableDialect;
  /** Undefined where a payload is left to its values. */
  readonly fromBytes: (
    plan: TablePlan,
    payloads: readonly Uint8Array[],
  ) => readonly (string | undefined)[];
  /** The row, or why the event has no row. */
  readonly fromValues: (plan: TablePlan, payload: Uint8Array) => string;
  /** The part of generated payloads, and of values of each kind, that are made from bytes at least. */
  readonly parts: { readonly generated: number; readonly kinds: number };
}

export interface ComparedRows {
  readonly planOf: (schemas: readonly JsonObject[]) => TablePlan;
  /** Expects the same rows, and returns how many were made of bytes. */
  readonly expectSame: (plan: TablePlan, payloads: readonly Uint8Array[]) => number;
}

/** Tests that both ways agree on payloads in many spellings. */
export function testRowsFromBytes(engine: RowsOfEngine): ComparedRows {
  const { dialect, fromBytes, fromValues, parts } = engine;
  const planOf = (schemas: readonly JsonObject[]): TablePlan =>
    planTable({ name: 'order_completed', schemas }, { dialect, prefix: '' });

  const expectSame: ComparedRows['expectSame'] = (plan, payloads) => {
    const rows = fromBytes(plan, payloads);
    for (const [index, row] of rows.entries()) {
      if (row === undefined) continue;
      const payload = payloads[index]!;
      expect({ payload: String(payload), row }).toEqual({
        payload: String(payload),
        row: fromValues(plan, payload),
      });
    }
    return rows.filter((row) => row !== undefined).length;
  };

  test('a row is the same from bytes and from values, in every version of a generated contract', () => {
    let made = 0;
    let all = 0;
    fc.assert(
      fc.property(generatedHistory, ({ schemas, events }) => {
        const payloads = events.map(({ properties, version }) => payloadWith(properties, version));
        made += expectSame(planOf(schemas), payloads);
        all += payloads.length;
      }),
      { numRuns: 300 },
    );
    // Names with escapes are left, odd numbers in JSON, and for some engines what does not fit.
    expect(made).toBeGreaterThan(all * parts.generated);
  });

  test('each value in a column of each kind is the same', () => {
    const names = Object.keys(anyKind['properties'] as JsonObject);
    const payloads = names.flatMap((name) =>
      spellings.map((value) => payloadWith(`{"other":[{}],"${name}":${value},"last":"x"}`)),
    );
    // More than half of them do not fit.
    expect(expectSame(planOf([anyKind]), payloads)).toBeGreaterThan(payloads.length * parts.kinds);
  });

  test('members of any order, unknown ones and those that come twice are the same', () => {
    const payloads = oddProperties.map((properties) => payloadWith(properties));
    expect(expectSame(planOf([anyKind]), payloads)).toBe(6);
  });

  return { planOf, expectSame };
}
