import { expect } from 'vitest';

import type { OpenGate } from '../endpoints/open-gate.ts';
import type { BusyGate } from './busy-gate.ts';
import type { Place, Told } from './case-program.ts';
import type { ClientCase } from './cases.ts';
import type { Language } from './languages.ts';

/** What a language told of an answer is what the case says. */
export function expectAnswer(told: Told, it: ClientCase, language: Language): void {
  const { status = 'OK', code = '', violations = [], retry = false, results = [] } = it.expect;
  const expected = status === 'DEADLINE_EXCEEDED' ? language.lateStatus : status;
  expect(spelled(told.status), JSON.stringify(told)).toBe(spelled(expected));
  expect((told.results ?? []).map((each) => each.status)).toEqual(
    results.map((each) => each.status),
  );
  const sent = (it.request as { events?: object[] }).events ?? [
    (it.request as { event: object }).event,
  ];
  for (const [index, verdict] of (told.results ?? []).entries()) {
    const { violations: places = [], ...fields } = results[index]!;
    const isStored = ['ACCEPTED', 'DUPLICATE'].includes(verdict.status);
    expect(verdict).toMatchObject({ index, code: '', ...fields });
    expect(verdict.violations).toEqual(places.map(([path, rule]) => ({ path, code: rule })));
    expect(verdict.idempotencyKey).toBe((sent[index] as { idempotencyKey: string }).idempotencyKey);
    expect(verdict.timestampMs > 1_700_000_000_000).toBe(true);
    if (fields['sequence'] === undefined) expect(verdict.sequence > 0).toBe(isStored);
  }
  // A deadline and a cancellation are told by the library, the gate's own word may come too late.
  if (['DEADLINE_EXCEEDED', 'CANCELLED'].includes(status)) return;
  expect(told.code).toBe(code);
  expect(told.help).toBe(code === '' ? '' : `docs/reference/errors.md#${code}`);
  expect(told.violations).toEqual(violations.map(([path, rule]) => placeAs(language, path, rule)));
  expect(told.retryAfterMs > 0).toBe(retry);
}

const placeAs = (language: Language, path: string, code: string): Place => ({
  path,
  code: language.readsReasons ? code : null,
});

/** What the log has of it, and no more. */
export async function expectStored(gate: OpenGate, before: number, it: ClientCase): Promise<void> {
  const { results = [], stored = [], storedCount } = it.expect;
  const accepted = results.filter(({ status }) => status === 'ACCEPTED').length;
  expect((await gate.last('EVENTS')) - before).toBe(storedCount ?? accepted);
  if (stored.length === 0) return;
  const [kept] = await gate.events(before);
  const text = kept!.bytes.toString('utf8');
  for (const part of stored) expect(text).toContain(part);
}

/** The gate that was busy twice saw the same bytes three times. */
export function expectSameThrice(busy: BusyGate): void {
  expect(busy.bodies.length).toBe(3);
  for (const body of busy.bodies) expect(body).toEqual(busy.bodies[0]);
}

/** Languages write it in their own way. */
function spelled(status: string): string {
  return status.replaceAll('_', '').toLowerCase().replace('cancelled', 'canceled');
}
