import { describe, expect, test } from 'vitest';

import { editedText } from './edit-event.ts';

const set = (path: string, valueJson: string) => ({ path, valueJson });

describe('editedText', () => {
  test.each([
    ['{"a":1}', set('/b/c', '2'), '{"a":1,"b":{"c":2}}'],
    ['{"a":[1,2]}', set('/a/1', '"x"'), '{"a":[1,"x"]}'],
    ['{"a":[1]}', set('/a/-', '12345678901234567890'), '{"a":[1,12345678901234567890]}'],
    ['{"a/b":{"~":1}}', set('/a~1b/~0', 'null'), '{"a/b":{"~":null}}'],
    ['{"a":0.1234567890123456789,"b":2}', set('/b', ''), '{"a":0.1234567890123456789}'],
    ['{"a":[1,2,3]}', set('/a/0', ''), '{"a":[2,3]}'],
    ['{"a":1}', set('/x/y', ''), '{"a":1}'],
    [
      '{"properties_json":"{\\"t\\":1e3}"}',
      set('/properties/u', '1'),
      '{"properties":{"t":1e3,"u":1}}',
    ],
    ['{"a":{}}', set('/a/__proto__', '{"b":1}'), '{"a":{"__proto__":{"b":1}}}'],
  ])('%s with %j is %s', (text, edit, edited) => {
    expect(editedText(text, [edit])).toBe(edited);
  });

  test.each([
    ['{"a":1}', set('a', '2'), /is no path/],
    ['{"a":1}', set('/a/b', '2'), /leads through "a", which is no object/],
    ['{"a":12345678901234567890}', set('/a/b', '2'), /leads through "a"/],
    ['{"a":[]}', set('/a/0', '2'), /no place in its array of 0/],
    ['{"a":1}', set('/a', 'EUR'), /value for \/a is not JSON/],
    ['{"a":1}', set('/a', '1,2'), /value for \/a is not JSON/],
    ['[1]', set('/a', '1'), /is no JSON object/],
    ['{', set('/a', '1'), /cannot be edited: it is not JSON/],
  ])('%s with %j is refused', (text, edit, sentence) => {
    expect(() => editedText(text, [edit])).toThrow(sentence);
  });

  test('makes so many edits and no more', () => {
    const edits = (length: number) => Array.from({ length }, () => set('/a', '1'));
    expect(editedText('{}', edits(100))).toBe('{"a":1}');
    expect(() => editedText('{}', edits(101))).toThrow(/at most 100/);
  });
});
