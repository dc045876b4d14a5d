import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, test } from 'vitest';

import { createLedger } from './ledger.ts';

test('the file of rejected events is for its user alone', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-ledger-'));
  try {
    const file = path.join(folder, 'rejected.ndjson');
    createLedger(file).close();
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
