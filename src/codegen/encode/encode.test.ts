import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { code, indented, joined, type Code } from './code.ts';
import { goComment, goCommentLine, goLiteral, goTag, isTagName } from './go-text.ts';
import { javaComment, javaLiteral } from './java-text.ts';
import { dottedName, identifier, NameTable, wholeNumber } from './names.ts';
import { pythonComment, pythonDocstring, pythonLiteral } from './python-text.ts';
import { typescriptComment, typescriptLiteral, typescriptMember } from './typescript-text.ts';

/** Mostly what one of the languages treats in a special way. */
const special = fc.constantFrom(
  ...Array.from(
    '*/\\"\'`#@&${}uU0 -,\n\r\t\v\f\0\u007f\u0085\u2028\u2029\u202e\u200d\u00e9\u{1f600}',
  ),
  '*/',
  '/*',
  '//',
  '"""',
  'u002a',
  'u0022',
  '+build',
  'type:',
);
const text = fc
  .array(fc.oneof({ weight: 5, arbitrary: special }, fc.string({ unit: 'binary', maxLength: 3 })), {
    maxLength: 12,
  })
  .map((parts) => parts.join(''));

function always(holds: (text: string) => void): void {
  fc.assert(fc.property(text, holds), { numRuns: 2000 });
}

const isAscii = (part: Code): boolean => /^[ -~\n]*$/.test(part.text);

/** What javac does before it reads tokens (JLS 3.3). */
function javaUnescaped(source: string): string {
  return source.replaceAll(/\\(\\|u+([0-9a-fA-F]{4}))/g, (all, _next, digits?: string) =>
    digits === undefined ? all : String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

/** The text of a literal in the form that Go and Python read. */
function pointsRead(literal: string): string {
  const json = literal.replaceAll(/\\(?:U([0-9a-f]{8})|.)/g, (all, digits?: string) =>
    digits === undefined
      ? all
      : JSON.stringify(String.fromCodePoint(Number.parseInt(digits, 16))).slice(1, -1),
  );
  return JSON.parse(json) as string;
}

describe('a literal is the text again, in ASCII', () => {
  test('in TypeScript', () => {
    always((value) => {
      const literal = typescriptLiteral(value);
      expect(isAscii(literal)).toBe(true);
      expect(JSON.parse(literal.text)).toBe(value);
      expect(JSON.parse(`[${literal.text}]`)).toEqual([value]);
      const member = typescriptMember(value).text;
      expect(/^[A-Za-z_$][\w$]*$/.test(member) ? member : JSON.parse(member)).toBe(value);
    });
  });

  test.each([
    ['Go', goLiteral],
    ['Python', pythonLiteral],
  ])('in %s', (_language, literalOf) => {
    always((value) => {
      const literal = literalOf(value);
      expect(isAscii(literal)).toBe(true);
      expect(literal.text).not.toContain('\n');
      expect(pointsRead(literal.text)).toBe(value);
    });
  });

  test('in Java, also after its Unicode escapes are read', () => {
    always((value) => {
      const literal = javaLiteral(value);
      expect(isAscii(literal)).toBe(true);
      const tokens = javaUnescaped(literal.text);
      expect(tokens).toMatch(/^"(?:[^"\\\n\r]|\\["\\nrt]|\\[0-3][0-7]{2})*"$/);
      const read = tokens
        .slice(1, -1)
        .replaceAll(/\\(?:([0-7]{3})|(.))/g, (_all, octal?: string, short?: string) =>
          octal === undefined
            ? ({ n: '\n', r: '\r', t: '\t' }[short!] ?? short!)
            : String.fromCharCode(Number.parseInt(octal, 8)),
        );
      expect(read).toBe(value);
    });
  });

  test('or an error: half of a surrogate pair, infinity, too long for Java', () => {
    for (const literalOf of [typescriptLiteral, goLiteral, pythonLiteral, javaLiteral]) {
      expect(() => literalOf('a\ud800')).toThrow(/"a\\ud800" holds half of a surrogate pair/);
    }
    expect(() => typescriptLiteral(Infinity)).toThrow(/beyond the range/);
    expect(() => pythonLiteral(-Infinity)).toThrow(/beyond the range/);
    expect(javaLiteral('a'.repeat(65_535)).text).toHaveLength(65_537);
    expect(() => javaLiteral('a'.repeat(65_536))).toThrow(/is longer than a string of Java/);
  });

  test('numbers and words are written as the language has them', () => {
    expect(typescriptLiteral(1e21).text).toBe('1000000000000000000000');
    expect([true, null, 1.5, -3, 1e21].map((each) => pythonLiteral(each).text)).toEqual([
      'True',
      'None',
      '1.5',
      '-3',
      '1000000000000000000000',
    ]);
  });
});

describe('a comment ends where it ends', () => {
  /** The body of the only comment in a text, or undefined. */
  const bodyOf = (source: string): string | undefined =>
    /^\/\*\*((?:[^*]|\*(?!\/))*)\*\/\n$/.exec(source)?.[1];

  test.each([
    ['TypeScript', typescriptComment, (source: string) => source],
    ['Java', javaComment, javaUnescaped],
  ])('in %s', (_language, commentOf, read) => {
    always((note) => {
      const source = commentOf(['before', note, 'after']).text;
      const body = bodyOf(read(source));
      expect(body).toBeDefined();
      expect(body).not.toContain('/*');
      for (const line of source
        .trimEnd()
        .split(/[\n\r\u2028\u2029]/)
        .slice(1, -1)) {
        expect(line).toMatch(/^ \* \S/);
      }
      expect(bodyOf(read(commentOf([`x${note}`]).text))).toBeDefined();
    });
  });

  test('in Java it is ASCII, and HTML that shows the text', () => {
    const comment = javaComment(['<b>&\\u002a/ @x \u00e9\u{1f600} */ /*']);
    expect(comment.text).toBe(
      '/** &#60;b&#62;&#38;&#92;u002a/ &#64;x &#233;&#128512; &#42;/ /&#42; */\n',
    );
    always((note) => {
      expect(isAscii(javaComment([note]))).toBe(true);
    });
  });

  test('in TypeScript it holds no order to a tool', () => {
    always((note) => {
      const body = typescriptComment(['a', `@${note}`, note]).text;
      expect(body).not.toMatch(/(?<![\w.])@/);
      expect(body).not.toMatch(/\/[#@]/);
    });
  });

  test.each([
    ['Go', goComment, /^(?:\/\/ (?!\+build)\S[^\p{C}\p{Zl}\p{Zp}]*\n)*$/u],
    ['Go, in one line', (notes: string[]) => goCommentLine(notes), /^(?:\/\/ \S[^\p{C}]*\n)?$/u],
    ['Python', pythonComment, /^(?:# (?!type\s*:)\S[^\p{C}\p{Zl}\p{Zp}]*\n)*$/u],
  ])('in %s', (_language, commentOf, form) => {
    always((note) => {
      expect(commentOf([note]).text).toMatch(form);
    });
  });

  test('in a docstring of Python', () => {
    always((note) => {
      expect(pythonDocstring([note, note]).text).toMatch(/^"""[^"\\\p{C}\p{Zl}\p{Zp}]*"""$/u);
    });
  });
});

describe('a tag of Go', () => {
  test('has the name of the property, in a raw string or an interpreted one', () => {
    always((name) => {
      const literal = goTag(name, true).text;
      const isRaw = /^`[^`]*`$/.test(literal);
      expect(isRaw).toBe(!name.includes('`'));
      const tag = isRaw ? literal.slice(1, -1) : pointsRead(literal);
      expect(pointsRead(tag.replace(/^json:/, ''))).toBe(`${name},omitempty`);
    });
  });

  test('is not used for a name that encoding/json ignores', () => {
    expect(['a b', 'a-b', '$x', '-', '%', '~^|'].every(isTagName)).toBe(true);
    expect(['', 'a"', "a'", 'a`', 'a\\', 'a,b', 'a\n', '\u00e9', '\u2028'].some(isTagName)).toBe(
      false,
    );
    expect(goTag('-', false).text).toBe('`json:"-,"`');
  });
});

describe('names', () => {
  test('are identifiers or an error', () => {
    const written = (name: string): string | undefined => {
      try {
        return identifier(name).text;
      } catch {
        return undefined;
      }
    };
    always((name) => {
      expect(written(name)).toBe(/^[A-Za-z_][A-Za-z0-9_]*$/.exec(name)?.[0]);
    });
    expect(() => dottedName('a.b;')).toThrow(/cannot be a name/);
    expect(() => new NameTable('Java').take('_', 'The value')).toThrow(/cannot write/);
    expect(() => new NameTable('Java', [], 3).take('abcd', 'The type')).toThrow(
      /more than 3 characters/,
    );
  });

  test('a version is a whole number of 31 bits', () => {
    expect(wholeNumber(2 ** 31 - 1).text).toBe('2147483647');
    for (const value of [2 ** 31, 1.5, -1, Number.NaN, '1; x' as never]) {
      expect(() => wholeNumber(value)).toThrow(/cannot stand in generated code/);
    }
  });
});

describe('code', () => {
  test('takes code only', () => {
    const plain = 'x; run()' as never;
    expect(() => code`a ${plain}`).toThrow(/Only Code/);
    expect(() => joined([code`a`, plain], ', ')).toThrow(/Only Code/);
    expect(() => indented(plain, '  ')).toThrow(/Only Code/);
    // oxlint-disable-next-line typescript/restrict-template-expressions
    expect(() => `${code`a`}`).toThrow(/tagged with code/);
    expect(indented(code`a\n\n${joined([code`b`, code`c`], '\n')}`, '\t').text).toBe(
      '\ta\n\n\tb\n\tc',
    );
  });

  test('is made of text by the encoders alone', () => {
    const folder = path.join(import.meta.dirname, '..');
    const makers = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (name) =>
        name.endsWith('.ts') &&
        !name.endsWith('.test.ts') &&
        readFileSync(path.join(folder, name), 'utf8').includes('trusted'),
    );
    expect(makers.filter((name) => !name.startsWith('encode/'))).toEqual([]);
    expect(makers.length).toBeGreaterThan(4);
  });
});
