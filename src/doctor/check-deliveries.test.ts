import { expect, test } from 'vitest';

import { checkDelivery, type DeliveryFacts } from './check-deliveries.ts';
import type { CheckFindings } from './finding.ts';

const paused: DeliveryFacts = {
  name: 'crm',
  state: 'paused',
  reason: 'they migrate',
  pausedBy: 'ada',
  sinceMs: Date.UTC(2026, 10, 28, 14, 5, 59),
  waiting: 1_200n,
  dead: 0n,
  oldestWaitingMs: undefined,
};

function warningsOf(facts: DeliveryFacts): string[] {
  const warnings: string[] = [];
  const findings = { warning: (found: string) => warnings.push(found) };
  checkDelivery(findings as unknown as CheckFindings, facts);
  return warnings;
}

test('a private address is refused with the setting that allows it', () => {
  const advice: string[] = [];
  const findings = { warning: (_found: string, mend: string) => advice.push(mend) };
  for (const reason of ['address_refused: 10.0.0.1 is private', 'answered 503']) {
    checkDelivery(findings as unknown as CheckFindings, { ...paused, state: 'parked', reason });
  }
  expect(advice[0]).toContain('Set allow_private_addresses: true in destinations.crm');
  expect(advice[1]).not.toContain('allow_private_addresses');
});

test('a pause is reported with its age, its operator and what waits', () => {
  expect(warningsOf(paused)).toEqual([
    'crm has been paused since 2026-11-28 14:05 UTC by ada (they migrate), and 1,200 events wait',
  ]);
  expect(warningsOf({ ...paused, pausedBy: '', sinceMs: undefined })).toEqual([
    'crm has been paused by an operator (they migrate), and 1,200 events wait',
  ]);
});
