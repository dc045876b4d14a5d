import { expect } from 'vitest';

import type { OpenGate } from '../endpoints/open-gate.ts';
import type { BusyGate } from './busy-gate.ts';
import type { CaseAnswer, ReportedViolation } from './case-program.ts';
import type { ClientCase } from './cases.ts';
import type { Language } from './languages.ts';

/** Expects the answer that the case requires. */
export function expectAnswer(answer: CaseAnswer, it: ClientCase, language: Language): void {
  const { status = 'OK', code = '', violations = [], retry = false, results = [] } = it.expect;
  // The gate sees the deadline, too: on a busy machine its answer may be there before the library's own timer.
  const possible = status === 'DEADLINE_EXCEEDED' ? [language.lateStatus, status] : [status];
  expect(possible.map(spelled), JSON.stringify(answer)).toContain(spelled(answer.status));
  expect((answer.results ?? []).map((each) => each.status)).toEqual(
    results.map((each) => each.status),
  );
  const sent = (it.request as { events?: object[] }).events ?? [
    (it.request as { event: object }).event,
  ];
  for (const [index, verdict] of (answer.results ?? []).entries()) {
    const { violations: expectedOnes = [], ...fields } = results[index]!;
    const isStored = ['ACCEPTED', 'DUPLICATE'].includes(verdict.status);
    expect(verdict).toMatchObject({ index, code: '', ...fields });
    expect(verdict.violations).toEqual(expectedOnes.map(([path, rule]) => ({ path, code: rule })));
    expect(verdict.idempotencyKey).toBe((sent[index] as { idempotencyKey: string }).idempotencyKey);
    expect(verdict.timestampMs > 1_700_000_000_000).toBe(true);
    if (fields['sequence'] === undefined) expect(verdict.sequence > 0).toBe(isStored);
  }
  // The library itself reports a deadline or a cancellation: the gate's answer may come too late.
  if (['DEADLINE_EXCEEDED', 'CANCELLED'].includes(status)) return;
  expect(answer.code).toBe(code);
  expect(answer.help).toBe(code === '' ? '' : `docs/reference/errors.md#${code}`);
  expect(answer.violations).toEqual(
    violations.map(([path, rule]) => violationAs(language, path, rule)),
  );
  expect(answer.retryAfterMs > 0).toBe(retry);
}

const violationAs = (language: Language, path: string, code: string): ReportedViolation => ({
  path,
  code: language.readsReasons ? code : null,
});

/** Expects the log to have exactly the events of the case. */
export async function expectStored(gate: OpenGate, before: number, it: ClientCase): Promise<void> {
  const { results = [], stored = [], storedCount } = it.expect;
  const accepted = results.filter(({ status }) => status === 'ACCEPTED').length;
  expect((await gate.last('EVENTS')) - before).toBe(storedCount ?? accepted);
  if (stored.length === 0) return;
  const [event] = await gate.events(before);
  const text = event!.bytes.toString('utf8');
  for (const part of stored) expect(text).toContain(part);
}

/** Expects the proxy, which refused two calls, to have received the same bytes three times. */
export function expectSameThrice(busy: BusyGate): void {
  expect(busy.bodies.length).toBe(3);
  for (const body of busy.bodies) expect(body).toEqual(busy.bodies[0]);
}

/** Removes the differences in how languages spell a status. */
function spelled(status: string): string {
  return status.replaceAll('_', '').toLowerCase().replace('cancelled', 'canceled');
}
