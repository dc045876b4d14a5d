import { assert, constantFrom, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';

import { compileEventGlobs, nameOfGlob } from './glob.ts';

describe('compileEventGlobs', () => {
  test.for([
    ['order_*', 'order_completed', true],
    ['order_*', 'order_', true],
    ['order_*', 'orders_completed', false],
    ['*_paid', 'invoice_paid', true],
    ['*_paid', 'invoice_paid_late', false],
    ['a*b*c', 'a_b_b_c', true],
    ['aba*ba', 'aba', false],
    ['order_completed', 'order_completed', true],
    ['order_completed', 'order_complete', false],
    ['*', 'anything', true],
    ['order.*', 'order_completed', false],
    ['Order *', 'Order Completed', true],
    ['Order Completed', 'Order Completed', true],
    ['100\\* *', '100* Sure', true],
    ['100\\* *', '100 Sure', false],
    ['a\\\\b', 'a\\b', true],
    ['Cafe\u0301*', 'Caf\u00e9 Viewed', true],
  ] as const)('%s on %s: %s', ([glob, name, expected]) => {
    expect(compileEventGlobs([glob])(name)).toBe(expected);
  });

  test('no globs match everything; several match what any of them does', () => {
    expect(compileEventGlobs([])('order_completed')).toBe(true);
    const matcher = compileEventGlobs(['order_*', 'user_created']);
    expect(['order_paid', 'user_created', 'user_viewed'].map(matcher)).toEqual([true, true, false]);
  });

  test('a glob without a star is a name', () => {
    expect(['order_*', 'Order Completed', '100\\*'].map(nameOfGlob)).toEqual([
      undefined,
      'Order Completed',
      '100*',
    ]);
  });

  test('means what the regular expression means', () => {
    const text = string({ unit: constantFrom('a', 'b', '_'), maxLength: 12 });
    const glob = string({ unit: constantFrom('a', 'b', '_', '*'), minLength: 1, maxLength: 8 });
    assert(
      property(text, glob, (name, pattern) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name);
        expect(compileEventGlobs([pattern])(name)).toBe(expected);
      }),
    );
  });
});
