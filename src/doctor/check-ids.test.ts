import { expect, test } from 'vitest';

import { emptyServerBytes, idBytes } from '../jetstream/server/server-memory.ts';
import { compareIds } from './check-ids.ts';
import { CheckFindings } from './finding.ts';

const windowMs = 7_200_000;
const ids = 1_000_000;
const needed = emptyServerBytes + ids * idBytes;

function levelOf(memoryBytes: number | undefined, counts = { ids, idsAtPresentRate: 0 }): string {
  const findings = new CheckFindings('ids');
  compareIds(findings, { windowMs, ...counts }, memoryBytes);
  expect(findings.all).toHaveLength(1);
  return findings.all[0]!.level;
}

test('the memory that the ids need, compared with what nats-server has', () => {
  expect(levelOf(needed - 1)).toBe('failure');
  expect(levelOf(needed)).toBe('warning');
  expect(levelOf(needed / 0.8 - 1)).toBe('warning');
  expect(levelOf(needed / 0.8 + 1)).toBe('ok');
  // That of an external server is not known.
  expect(levelOf(undefined)).toBe('ok');
});

test('a rate that will fill the window counts before it has', () => {
  const rising = { ids: 1_000, idsAtPresentRate: ids };
  expect(levelOf(needed - 1, rising)).toBe('failure');
  expect(levelOf(needed - 1, { ids: 1_000, idsAtPresentRate: 1_000 })).toBe('ok');
});

test('names the window, the need, the memory and the setting', () => {
  const findings = new CheckFindings('ids');
  compareIds(findings, { windowMs, ids: 8_000_000, idsAtPresentRate: 0 }, 2 ** 30);
  const { found, mend } = findings.all[0]!;
  expect(found).toMatch(/window of 2h 0m has 8,000,000 ids .* \d\.\d GiB of the 1\.0 GiB that/);
  expect(mend).toContain('log.dedup_window');
  expect(mend).toContain('GOMEMLIMIT');
});
