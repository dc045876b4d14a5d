import { describe, expect, test } from 'vitest';

import { parsePointer, pointerTo, valueAt } from './json-pointer.ts';

/** The examples of RFC 6901 §5. */
const document = {
  foo: ['bar', 'baz'],
  '': 0,
  'a/b': 1,
  'c%d': 2,
  ' ': 7,
  'm~n': 8,
};

describe('JSON pointers', () => {
  test('of a path is split into the same path', () => {
    for (const path of [[], [''], ['a/b', '~1', 'm~n', ' '], ['0', '', 'Größe']]) {
      expect(parsePointer(pointerTo(path))).toEqual(path);
    }
  });

  test.for([
    ['', document],
    ['/foo', document.foo],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/ ', 7],
    ['/m~0n', 8],
    ['/foo/2', undefined],
    ['/foo/01', undefined],
    ['/foo/-', undefined],
    ['/foo/length', undefined],
    ['/foo/0/length', undefined],
    ['/toString', undefined],
    ['/__proto__', undefined],
  ] as const)('%s', ([pointer, value]) => {
    expect(valueAt(document, parsePointer(pointer)!)).toEqual(value);
  });

  test.for(['foo', '/a~', '/a~2', '#/foo'])('%s is none', (text) => {
    expect(parsePointer(text)).toBeUndefined();
  });

  test('of ~01, the tilde is read last', () => {
    expect(parsePointer('/~01')).toEqual(['~1']);
  });
});
