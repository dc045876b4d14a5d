import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, test } from 'vitest';

import { createRejectedFile } from './rejected-file.ts';

test('no other user can read the rejected events, also those of the file before', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-rejected-'));
  try {
    const file = createRejectedFile(folder, 1);
    await file.append('{}');
    await file.append('{}');
    await file.close();
    const names = readdirSync(folder).toSorted();
    expect(names).toEqual(['rejected.1.ndjson', 'rejected.ndjson']);
    for (const name of names) {
      expect((statSync(path.join(folder, name)).mode & 0o777).toString(8)).toBe('600');
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
