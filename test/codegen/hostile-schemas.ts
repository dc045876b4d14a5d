import * as fc from 'fast-check';

import type { Language } from '../../src/codegen/generate.ts';
import type { JsonObject, JsonValue } from '../../src/event/json/json.ts';

/*
 * Schemas whose texts try to become code, in every place of a schema and a taxonomy that holds
 * text. Code that runs ends the program with the status of the canary.
 */

export const canaryStatus = 66;

/** A statement or a declaration that would run when the generated file is imported. */
const payloads: Readonly<Record<Language, string>> = {
  ts: `globalThis.process.exit(${canaryStatus});`,
  go: `func init() { os.Exit(${canaryStatus}) }`,
  python: `__import__("os")._exit(${canaryStatus})`,
  java: `static { System.exit(${canaryStatus}); }`,
};

/** What ends a comment, a literal, a tag or a line, in any of the languages; RUN is the payload. */
const escapes = [
  '*/ RUN /*',
  '*\\ RUN /*',
  '*\\\nRUN /*',
  '*\\/ RUN //',
  '**/ RUN /**',
  '*/\n}\nRUN\n{',
  '*\u0000/ RUN /*',
  '*\u200d/ RUN /*',
  '*\u2028/ RUN /*',
  '\\u002a/ RUN /*',
  '\\u002a\\u002f RUN \\u002f\\u002a',
  '\\uuu002a\\uu002f RUN //',
  '\\\\u002a/ RUN /*',
  '&#42;/ RUN /*',
  '\nRUN\n',
  '\n\nRUN\n',
  '\rRUN\r',
  '\u2028RUN\u2028',
  '\u2029RUN\u2029',
  '\u0085RUN\u0085',
  '\vRUN\f',
  '\\u000aRUN',
  '\\u000dRUN\\u000d',
  '\\nRUN',
  '"\nRUN\n"',
  '"; RUN; "',
  "'; RUN; '",
  '`\nRUN\n`',
  '`"`\n}\nRUN\ntype Rest struct {\n`',
  '${RUN}',
  '`${RUN}`',
  '"""\nRUN\n"""',
  '\\"""\nRUN\n"""',
  "'''\nRUN\n'''",
  '\\u0022; RUN //',
  '\\u0022\\u003b RUN',
  '\\134\\042; RUN',
  '\\N{QUOTATION MARK}; RUN',
  '\\x22; RUN',
  '"] RUN #',
  '"]]\nRUN\n',
  '")\nRUN\n',
  '\\',
  '\\\\',
  '\\\n',
  '"',
  "'",
  '`',
  '"\\',
  '\\"',
  ',',
  ',omitempty',
  '-',
  '-,',
  '\u0000',
  '\u007f',
  '\u202eRUN\u202c',
  '\u2066*/ RUN\u2069',
  '\ufeff',
  '\u{e0001}\u{1f600}',
  'caf\u00e9 \u65e5\u672c \u05d0',
];

/** What a compiler or a tool takes for an order when it stands in a comment. */
const orders = [
  '@ts-ignore',
  '@ts-expect-error',
  '/ @ts-expect-error',
  '@ts-nocheck',
  '@deprecated {@link x} {@code */}',
  '# sourceMappingURL=canary.map',
  '//# sourceMappingURL=canary.map',
  '/// <reference path="canary.ts" />',
  '+build ignore',
  'go:build ignore',
  '//go:generate touch canary',
  '/go:embed canary',
  'line canary.go:1',
  '#cgo LDFLAGS: -lcanary',
  'type: ignore',
  'type: int',
  '-*- coding: utf-7 -*-',
  '<script>alert(1)</script> &lt;',
  '%s %n {0}',
  '#!/bin/sh',
];

/** Names that mean something in one of the languages. */
const reservedNames = (
  'abstract and any as assert async await bool boolean break byte case catch chan class clone const ' +
  'continue debugger def default defer del delete do double elif else end enum equals error eval except ' +
  'exec export extends fallthrough false finalize finally float for from func function getClass global ' +
  'go goto hashCode if implements import in init instanceof int interface is iota lambda len let long ' +
  'main make map match members module namespace native never new nil None nonlocal not notify null number ' +
  'object or package panic pass print private properties protected public put raise range readonly ' +
  'record return select self send set short static str strictfp string String struct super switch ' +
  'symbol synchronized this throw throws transient True try type typeof undefined union var void ' +
  'volatile wait while with yield marshal_json others value user_id envelope __init__ __class__ __slots__'
).split(' ');

/** Names that are no keywords of Python, so that its types are written as classes. */
const softNames = (
  'match case type print exec self json time uuid secrets datetime Any Literal TypedDict str int dict ' +
  'list len super object string value members put clone var record nil func init main properties'
).split(' ');

/** Every known attack on a language. */
export function knownAttacks(language: Language): string[] {
  const texts = escapes.map((text) => text.replaceAll('RUN', () => payloads[language]));
  return [...texts, ...orders];
}

/** Texts made of the parts of the attacks, in any order, with any characters between them. */
export function anyAttack(language: Language): fc.Arbitrary<string> {
  const parts = [...new Set(escapes.flatMap((text) => text.split('RUN')))].filter(
    (part) => part !== '',
  );
  const part = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...parts) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('*', '/', '\\', '\n', '"', '`', '#', '@', 'u002a', ' '),
    },
    { weight: 2, arbitrary: fc.constant(payloads[language]) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constantFrom(...orders) },
  );
  return fc
    .array(part, { minLength: 1, maxLength: 6 })
    .map((each) => Array.from(each.join('')).slice(0, 80).join(''));
}

export interface HostileEvent {
  readonly name: string;
  readonly schema: JsonObject;
  /** An event with every property. */
  readonly example: JsonObject;
  /** The values of the enum in the property `e`. */
  readonly values: readonly string[];
}

/** An event that has the text in each place that holds text. */
export function hostileEvent(index: number, text: string): HostileEvent {
  const notes = { description: text, title: text, $comment: text };
  const short = { type: 'string', maxLength: 99, default: text, ...notes };
  const definition = `d ${text}`;
  const values = [`a ${text}`, `b ${text}`];
  const names = {
    required: `r ${text}`,
    optional: `o${text}`,
    before: `${text}x`,
    nested: `n ${text}`,
    inner: `k ${text}`,
  };
  // Go and Java have no name for what begins with a digit: `12x`.
  if (!/^[^A-Za-z0-9]*[A-Za-z]/.test(names.before)) names.before = `y${text}`;
  const inner = { [names.inner]: short };
  const schema = {
    ...notes,
    type: 'object',
    additionalProperties: false,
    examples: [{ [text]: text }],
    required: [names.required, 'e'],
    properties: {
      [names.required]: short,
      [names.optional]: { type: ['integer', 'null'], ...notes, examples: [text] },
      [names.before]: { type: 'number', description: `ends here ${text}` },
      [names.nested]: {
        ...notes,
        type: 'object',
        required: [names.inner],
        properties: inner,
        additionalProperties: { type: 'string', maxLength: 9, description: text },
      },
      e: { enum: values, description: text },
      c: { const: `c ${text}` },
      l: { type: 'array', items: { $ref: pointerTo(definition) } },
      u: { anyOf: [{ type: 'string', maxLength: 9 }, { enum: values }], description: text },
      p: { type: 'string', maxLength: 9, pattern: patternOf(text) },
    },
    $defs: { [definition]: { ...notes, type: 'object', properties: inner } },
  };
  const example = {
    [names.required]: 'v',
    [names.optional]: 1,
    [names.before]: 1.5,
    [names.nested]: { [names.inner]: 'v' },
    e: values[0]!,
    c: `c ${text}`,
    l: [{ [names.inner]: 'v' }],
    u: 'v',
    p: 'v',
  };
  return { name: `a${index}_made`, schema, example, values };
}

/** Two events whose properties have the names of keywords, and of what is none in Python. */
export function reservedEvents(index: number): HostileEvent[] {
  // Of two names that would be the same in Go or Java, one.
  const names = reservedNames.filter(
    (name, at) => reservedNames.findIndex((each) => sameWord(each) === sameWord(name)) === at,
  );
  return [reservedEvent(index, names), reservedEvent(index + 1, softNames)];
}

function reservedEvent(index: number, names: readonly string[]): HostileEvent {
  const properties = Object.fromEntries(
    names.map((name) => [name, { type: 'string', maxLength: 9 } as JsonObject]),
  );
  const schema = {
    type: 'object',
    additionalProperties: false,
    properties: { ...properties, e: { enum: ['class', 'None'] } },
    required: names.filter((_, at) => at % 2 === 0),
  };
  const example = Object.fromEntries(
    [...names, 'e'].map((name) => [name, name === 'e' ? 'class' : 'v']),
  );
  return { name: `a${index}_made`, schema, example, values: ['class', 'None'] };
}

/** The files of a folder of schemas, for `schemasFolder`. */
export function filesOf(
  events: readonly HostileEvent[],
  texts: readonly string[],
): Record<string, JsonValue> {
  const entries = events.map(({ name }, at) => {
    const text = texts[at] ?? 'Made.';
    return `  ${name}: { owner: ${ascii(`o ${text}`)}, description: ${ascii(`d ${text}`)}, active: 1 }`;
  });
  return {
    'taxonomy.yaml': ['verbs: [made]', 'events:', ...entries].join('\n'),
    ...Object.fromEntries(events.map(({ name, schema }) => [`${name}/1.json`, schema])),
  };
}

/** JSON without anything but ASCII: also YAML, and an expression of TypeScript and Python. */
export function ascii(value: JsonValue): string {
  return JSON.stringify(value).replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function pointerTo(name: string): string {
  return `#/$defs/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`;
}

/** A pattern with the text in it, which matches anything. */
function patternOf(text: string): string {
  const start = Array.from(text).slice(0, 30).join('');
  return `^.*$|^${start.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}$`;
}

function sameWord(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}
