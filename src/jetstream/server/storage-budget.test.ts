import { tmpdir } from 'node:os';

import { expect, test } from 'vitest';

import { storageBudget } from './storage-budget.ts';

const storageBytesMin = 64 * 1024 * 1024;

test('a limit that is too small is named, however much room the disk has', () => {
  expect(() => storageBudget(tmpdir(), storageBytesMin - 1)).toThrow(
    'log.storage_bytes_max is 67108863 bytes; the log needs at least 64 MiB. Raise it.',
  );
  expect(() => storageBudget(tmpdir(), storageBytesMin)).not.toThrow('log.storage_bytes_max');
});
