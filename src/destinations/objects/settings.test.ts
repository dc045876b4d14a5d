import { expect, test } from 'vitest';

import { StartError } from '../../errors.ts';
import { readBucket } from './settings.ts';

test.each([
  ['acme-events', null],
  ['a.b_c', 'events/'],
  ['acme', 'a/b=c/d.e_f-'],
  ['acme', 'p'.repeat(256)],
])('the bucket %s with the prefix %s', (bucket, prefix) => {
  expect(readBucket('archive', { bucket, prefix })).toBe(bucket);
});

test.each([
  [{ bucket: 's3://acme' }, 'archive.bucket'],
  [{ bucket: 'Acme' }, 'archive.bucket'],
  [{ bucket: '' }, 'archive.bucket'],
  [{ bucket: 'acme', prefix: '/events' }, 'archive.prefix'],
  [{ bucket: 'acme', prefix: 'a//b' }, 'archive.prefix'],
  [{ bucket: 'acme', prefix: 'a b' }, 'archive.prefix'],
  [{ bucket: 'acme', prefix: 'p'.repeat(257) }, 'archive.prefix'],
])('refuses %j', (settings, text) => {
  const read = (): unknown => readBucket('archive', settings);
  expect(read).toThrow(StartError);
  expect(read).toThrow(text);
});
