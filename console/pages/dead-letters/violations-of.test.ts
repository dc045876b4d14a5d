import { expect, test } from 'vitest';

import { violationsOf } from './violations-of.ts';

test('finds the places that a refused fix names', () => {
  const text =
    'The fixed event breaks its contract: properties break version 2; /properties/total: must be of ' +
    'type number; /properties/items/0/sku: is required';
  expect(violationsOf(text)).toEqual([
    { path: '/properties/total', message: 'must be of type number' },
    { path: '/properties/items/0/sku', message: 'is required' },
  ]);
  expect(violationsOf('The dead letter is busy: try again.')).toEqual([]);
});
