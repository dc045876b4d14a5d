import { expect, test } from 'vitest';

import { CopyLines } from '../../src/destinations/postgres/copy/copy-lines.ts';
import { addLine } from '../../src/destinations/postgres/copy/copy-rows.ts';
import { createPayloadLines } from '../../src/destinations/postgres/copy/payload-line.ts';
import { postgresDialect } from '../../src/destinations/postgres/typed-statements.ts';
import { createRowMaker, readTypedPayload } from '../../src/destinations/tables/event-row.ts';
import type { TablePlan } from '../../src/destinations/tables/plan-table.ts';
import { anyKind, headsOf, otherMembers, payloadWith } from './payload-spellings.ts';
import { testRowsFromBytes } from './rows-from-bytes.ts';

const textOf = (lines: CopyLines): string => lines.finish().subarray(5, -5).toString();

/** Undefined where the payload is left to its values. */
function linesFromBytes(plan: TablePlan, payloads: readonly Uint8Array[]): (string | undefined)[] {
  const write = createPayloadLines(plan);
  return headsOf(payloads).map((head) => {
    const lines = new CopyLines(100);
    const isWritten = head !== undefined && write(lines, head);
    const text = textOf(lines);
    // Nothing of a line that was begun is left.
    expect(isWritten).toBe(text !== '');
    return isWritten ? text : undefined;
  });
}

function lineFromValues(plan: TablePlan, payload: Uint8Array): string {
  const event = readTypedPayload(new TextDecoder().decode(payload));
  if (typeof event === 'string') return event;
  const lines = new CopyLines(100);
  addLine(lines, createRowMaker(plan).rowOf(event, { sequence: 7, deliveredAt: '' }));
  return textOf(lines);
}

const { planOf, expectSame } = testRowsFromBytes({
  dialect: postgresDialect,
  fromBytes: linesFromBytes,
  fromValues: lineFromValues,
  parts: { generated: 1 / 5, kinds: 1 / 4 },
});

test('what every event has is the same, and what is not a stored event is left', () => {
  const plan = planOf([anyKind]);
  const same = otherMembers.map((overrides) => payloadWith('{"text":"a"}', 1, overrides));
  expect(expectSame(plan, same)).toBe(same.length);
  const times = [
    '2026-03-01T12:00:00Z',
    '2026-03-01t12:00:00.12z',
    '2026-03-01T12:00:00.123456Z',
    '2026-03-01T12:00:00.1200000Z',
    '2026-03-01T12:00:00.00+02:00',
    '0001-01-01T00:00:00.000Z',
    '1969-12-31T23:59:59.999Z',
    '2024-02-29T23:59:59.999Z',
    '2026-03-01T24:00:00.000Z',
    '2026-03-01 12:00:00.000Z',
    '12026-03-01T12:00:00.00Z',
    '2026-03-01T12:00:00,123Z',
    'now',
  ].map((occurredAt) => payloadWith(`{"at":${JSON.stringify(occurredAt)}}`, 1, { occurredAt }));
  // What is not a time does not fit its column.
  expect(expectSame(plan, times)).toBe(times.length - 5);
  const left = [
    { timestamp: '2026-02-30T00:00:00.000Z' },
    { userId: 'a "word"' },
    { eventTime: undefined },
  ].map((overrides) => payloadWith('{}', 1, overrides));
  const broken = Buffer.from(payloadWith('{}').toString('latin1'), 'latin1');
  broken[broken.indexOf('Zo') + 2] = 0xff;
  const whole = payloadWith('{}');
  const zeros = Buffer.from(String(whole).replace('"schemaVersion":1', '"schemaVersion":01'));
  left.push(broken, whole.subarray(0, -1), Buffer.concat([whole, Buffer.from(' ')]), zeros);
  expect(linesFromBytes(plan, left)).toEqual(left.map(() => undefined));
});
