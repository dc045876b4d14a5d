import { expect, it } from 'vitest';

import { buildPeer } from './build.ts';

it.each([
  ['go', 'go'],
  ['rust', 'cargo'],
])('a peer in %s is left out, with the reason, where %s is not installed', (language, tool) => {
  expect(buildPeer(language, '')).toEqual({ missing: `it needs ${tool}` });
});

it('a language without a peer is refused, and the others are named', () => {
  expect(() => buildPeer('cobol')).toThrow('no peer in cobol: go, rust');
});
