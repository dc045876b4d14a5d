import { expect, test } from 'vitest';

import { likely } from './nearest.ts';

const names = ['CreateKey', 'RotateKey', 'RevokeKey', 'ReplayRejected'];

test.each([
  ['Revoke', ['RevokeKey']],
  ['key', ['CreateKey', 'RotateKey', 'RevokeKey']],
  ['revokekye', ['RevokeKey']],
  ['RotateKeys', ['RotateKey']],
  ['Tail', []],
  ['', []],
])('%j may stand for %j', (word, found) => {
  expect(likely(word, names, 3)).toEqual(found);
});

test('the nearest comes first, and at most so many', () => {
  expect(likely('RotateKey', ['RotateKeys', 'RotataKey', 'RotateKey'], 2)).toEqual([
    'RotateKeys',
    'RotateKey',
  ]);
});
