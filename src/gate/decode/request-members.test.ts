import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { checkMembersOnce } from './request-members.ts';

function faultOf(text: string, isAsSent = true): string {
  try {
    checkMembersOnce(text, JSON.parse(text), { isAsSent });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('members of a request', () => {
  test('that stand twice are named, with both places', () => {
    expect(faultOf('{"events":[1],\n "events":[2]}')).toBe(
      'The request has "events" twice: at position 1 (line 1 column 2) and at position 16 ' +
        '(line 2 column 2). Send each member once: the first would be lost.',
    );
    expect(faultOf('{"a":1,"a":2}', false)).toContain('The request has "a" twice. Send');
  });

  test.each([
    ['written with an escape', '{"events":[],"\\u0065vents":[]}'],
    ['with the same value', '{"a":1,"b":2,"c":3,"a":1}'],
    ['with null', '{"events":null,"events":[1]}'],
    ['behind a text with brackets and quotes', '{"a":"]}\\"","b":1,"b":2}'],
    ['named __proto__', '{"__proto__":1,"__proto__":2}'],
    ['with spaces', '{ "a" : 1 , "a" : 2 }'],
  ])('%s', (_name, text) => {
    expect(faultOf(text)).toContain('twice');
  });

  test.each([
    '{"events":[{"events":1},{"events":2}]}',
    '{"a":"\\"a\\"","b":"a"}',
    '{"a":{"b":1,"b":2}}',
    '[{"a":1,"a":2}]',
    '{}',
    '"a"',
  ])('only the object itself counts: %s', (text) => {
    expect(faultOf(text)).toBe('');
  });

  test('any object: a fault if and only if a name stands twice', () => {
    const name = fc.constantFrom('a', 'events', 'batch', '', '\\u0061', 'a\\"b', ' ');
    const value = fc.json({ maxDepth: 2 });
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), (members) => {
        const text = `{${members.map(([each, sent]) => `"${each}":${sent}`).join(', ')}}`;
        const names = members.map(([each]) => JSON.parse(`"${each}"`) as string);
        expect(faultOf(text) !== '').toBe(new Set(names).size < names.length);
      }),
      { numRuns: 2000 },
    );
  });
});
