import { expect, test } from 'vitest';

import { createFindMembers, type FoundMembers } from './find-members.ts';

const paths = [['a'], ['b', 'c'], ['b'], undefined, ['b', 'd', 'e'], ['né']];

/** What is found for each path, or undefined if the text is to be parsed. */
function find(found: FoundMembers, json: string): (string | undefined)[] | undefined {
  const bytes = Buffer.from(`{"x":${json},"y":1}`);
  const end = 5 + Buffer.byteLength(json);
  if (!found.find(bytes, 5, end)) return undefined;
  return Array.from(found.starts, (start, place) =>
    start === -1 ? undefined : bytes.toString('utf8', start, found.ends[place]),
  );
}

const none = undefined;

test('values are found in any order, event after event', () => {
  const found = createFindMembers(paths);
  expect(find(found, '{}')).toEqual([none, none, none, none, none, none]);
  for (const _ of ['first', 'second']) {
    expect(find(found, '{"a":1,"b":{"c":"}","d":{"e":[1,{"a":2}]}},"né":null}')).toEqual([
      '1',
      '"}"',
      '{"c":"}","d":{"e":[1,{"a":2}]}}',
      none,
      '[1,{"a":2}]',
      'null',
    ]);
    expect(find(found, '{"né":"x\\"","z":[{"a":1}],"b":[{"c":1}],"a":-1.5}')).toEqual([
      '-1.5',
      none,
      '[{"c":1}]',
      none,
      none,
      '"x\\""',
    ]);
    expect(Array.from(found.isEscaped)).toEqual([0, 0, 0, 0, 0, 1]);
  }
});

test('a name that comes twice, or has an escape, is left to a parser', () => {
  const found = createFindMembers(paths);
  for (const json of [
    '{"a":1,"a":2}',
    '{"b":{"c":1},"b":{"d":{}}}',
    '{"b":{"c":1,"c":1}}',
    '{"b":1,"b":{"c":1}}',
    '{"\\u0061":1}',
    '{"b":{"\\u0063":1}}',
    '{"z\\n":1}',
  ]) {
    expect([json, find(found, json)]).toEqual([json, undefined]);
  }
  // Of no column.
  expect(find(found, '{"z":1,"z":{"a":1,"a":2}}')).toBeDefined();
});

test('what is no object, or is damaged, is left to a parser', () => {
  const found = createFindMembers(paths);
  for (const json of ['null', '[]', '"{}"', '{"a":1', '{"a', '{"a":"', '{"b":{"c":1}', '{"a":[1']) {
    const bytes = Buffer.from(json);
    expect([json, found.find(bytes, 0, bytes.length)]).toEqual([json, false]);
  }
});
