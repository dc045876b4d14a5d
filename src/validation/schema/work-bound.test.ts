import { describe, expect, test } from 'vitest';

import { compileSchema } from './compile-schema.ts';
import { patternSteps } from './pattern-safety.ts';
import { checkSchemaSafety } from './schema-safety.ts';
import { orderCompleted, validationOf } from '../schemas-folder.fixture.ts';
import { checksMax, patternStepsMax, TooMuchWork, valuesValidatedMax } from './work-bound.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';

/**
 * Time for half a second of work on a busy machine. Without the bounds, some cases take minutes.
 */
const patienceMs = 20_000;

const list = (items: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties: { list: { type: 'array', items, ...more } },
});
const branches = (keyword: string, count: number, last: JsonObject): JsonObject => ({
  [keyword]: [
    ...Array.from({ length: count - 1 }, (_, index) => ({ type: 'string', enum: [`x${index}`] })),
    last,
  ],
});
const filled = <Value>(length: number, value: (index: number) => Value): Value[] =>
  Array.from({ length }, (_, index) => value(index));

/** Schemas that load, with 4 MiB events that would block a gate for seconds or minutes. */
const hostile: [name: string, schema: JsonObject, event: () => JsonValue][] = [
  [
    'a pattern of two overlapping repeats on 4,000 texts',
    list({ type: 'string', maxLength: 1024, pattern: '^[a-z]*[a-z]*[0-9]$' }),
    () => filled(4000, () => 'a'.repeat(1024)),
  ],
  [
    'a thousand branches on a million items',
    list(branches('anyOf', 32, branches('anyOf', 32, { type: 'integer' }))),
    () => filled(1_000_000, () => 1),
  ],
  [
    'a thousand alternatives, all of which are tried',
    list({ oneOf: filled(32, (i) => ({ oneOf: filled(32, (j) => ({ enum: [i * 32 + j] })) })) }),
    () => filled(1_000_000, () => 1023),
  ],
  [
    'large items, each compared with each',
    list({}, { uniqueItems: true, maxItems: 1000 }),
    () => filled(1000, (index) => filled(1000, () => 0).concat(index)),
  ],
  [
    'an enum of thousands on a million items',
    list({ enum: filled(8000, (index) => `value ${index}`) }),
    () => filled(1_000_000, () => 'value 7999'),
  ],
  [
    'a thousand names looked for in each item',
    list({ type: 'object', properties: Object.fromEntries(filled(3000, (i) => [`p${i}`, {}])) }),
    () => filled(1_000_000, () => ({})),
  ],
];

function throws(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    return error instanceof TooMuchWork;
  }
}

function faultsOf(schema: JsonObject): string[] {
  const faults: string[] = [];
  checkSchemaSafety(schema, (problem) => faults.push(problem));
  return faults;
}

const named: JsonObject = {
  type: 'object',
  propertyNames: { maxLength: 1024 },
  patternProperties: Object.fromEntries(filled(300, (index) => [`^a[a-z]*${index}$`, {}])),
};

describe('an event that would block the gate is refused in bounded time', () => {
  const cases = [
    ...hostile.map(([name, schema, event]) => [name, schema, () => ({ list: event() })] as const),
    [
      'hundreds of patterns on thousands of names',
      named,
      () => Object.fromEntries(filled(4000, (index) => ['a'.repeat(900) + index, 1])),
    ] as const,
  ];

  test.each(cases)('%s', async (_name, schema, event) => {
    expect(faultsOf(schema)).toEqual([]);
    const validation = await validationOf(schema);
    const properties = event() as JsonObject;
    const started = performance.now();
    const { error } = validation.validate(orderCompleted({ properties }));
    expect(performance.now() - started).toBeLessThan(patienceMs);
    expect(error?.code).toBe('invalid_field');
    expect(error?.violations[0]).toMatchObject({ path: '/properties', code: 'work' });
    expect(error?.message).toContain('take too long to check: send less');
  });

  test.each(hostile)(
    'with the most values that are validated, all of them invalid: %s',
    (_name, schema) => {
      const max = valuesValidatedMax(schema) ?? 100_000;
      const { findingsIn } = compileSchema(schema);
      const started = performance.now();
      findingsIn({ list: filled(max - 1, () => false) });
      expect(performance.now() - started).toBeLessThan(patienceMs);
      const refused = (): unknown => findingsIn({ list: filled(max, () => false) });
      expect(valuesValidatedMax(schema) === undefined || throws(refused)).toBe(true);
    },
  );
});

describe('the work of validation', () => {
  test('is bounded by checks times values', () => {
    const schema = list(branches('anyOf', 32, { type: 'integer' }));
    // The list's own item, its 32 branches, and an eighth for each of 31 values.
    expect(valuesValidatedMax(schema)).toBe(Math.floor(checksMax / (1 + 32 + 31 / 8)));
  });

  test('is not limited if a value is checked once or twice', () => {
    expect(valuesValidatedMax(list({ type: 'string', maxLength: 10 }))).toBeUndefined();
    const item = { type: 'object', properties: { sku: {}, price: {} }, required: ['sku'] };
    const referred = { ...list({ $ref: '#/$defs/item' }), $defs: { item } };
    expect(valuesValidatedMax(referred)).toBeUndefined();
  });

  test('is not limited by properties that the schema names', () => {
    const properties = Object.fromEntries(
      filled(500, (i) => [`p${i}`, { anyOf: [{}, {}, {}, {}, {}] }]),
    );
    expect(valuesValidatedMax({ type: 'object', properties })).toBeUndefined();
  });

  test('is counted for each event alone', async () => {
    const { validate } = await validationOf(
      list({ type: 'string', maxLength: 1024, pattern: '^[a-z]*[a-z]*$' }),
    );
    const texts = filled(30, () => 'a'.repeat(1000));
    for (let round = 0; round < 10; round += 1) {
      expect(validate(orderCompleted({ properties: { list: texts } })).error).toBeUndefined();
    }
    const more = filled(50, () => 'a'.repeat(1000));
    expect(validate(orderCompleted({ properties: { list: more } })).error?.code).toBe(
      'invalid_field',
    );
  });

  test('has the same limit in every mode', async () => {
    const [, schema, event] = hostile[1]!;
    const { validate } = await validationOf(schema, ', mode: warn');
    const validation = validate(orderCompleted({ properties: { list: event() } }));
    expect(validation.error?.code).toBe('invalid_field');
  });
});

test.each([
  ['^[a-z]+$', 10, 10],
  ['^[a-z]*[a-z]*$', 10, 51],
  ['[a-z]+$', 10, 51],
  ['^-?[0-9]+$', 10, 21],
])('%s takes so many steps on %i characters', (pattern, length, steps) => {
  expect(Math.ceil(patternSteps(pattern)(length))).toBeGreaterThanOrEqual(steps - 1);
  expect(patternSteps(pattern)(length)).toBeLessThanOrEqual(steps + 1);
  expect(patternSteps(pattern)(1024)).toBeLessThan(patternStepsMax);
});

test('refuses a schema that is too large to compile when it is loaded', () => {
  const properties = Object.fromEntries(
    filled(2000, (index) => [
      `property_${index}`,
      { type: 'string', maxLength: 64, pattern: `^[a-z]+_${index}$` },
    ]),
  );
  const schema: JsonObject = { type: 'object', properties };
  const outcome = ((): unknown => {
    try {
      // With a larger stack it compiles; then it must validate.
      return compileSchema(schema).findingsIn({ property_0: 1 })?.errors.length;
    } catch (error) {
      return (error as Error).message;
    }
  })();
  expect([1, 'it has too many rules to compile']).toContain(outcome);
});

test('compiles the largest accepted schemas in bounded time', () => {
  const wide: JsonObject = {
    type: 'object',
    properties: Object.fromEntries(
      filled(1000, (index) => [
        `property_${index}`,
        { type: 'string', maxLength: 64, pattern: `^[a-z]+_${index}$` },
      ]),
    ),
  };
  const multiplied: JsonObject = {
    type: 'object',
    properties: Object.fromEntries(filled(60, (index) => [`p${index}`, { $ref: '#/$defs/a' }])),
    $defs: {
      a: {
        type: 'object',
        properties: Object.fromEntries(filled(10, (i) => [`a${i}`, { $ref: '#/$defs/b' }])),
      },
      b: {
        type: 'object',
        properties: Object.fromEntries(filled(12, (i) => [`b${i}`, { type: 'string' }])),
      },
    },
  };
  for (const schema of [wide, multiplied, ...hostile.map(([, each]) => each)]) {
    expect(faultsOf(schema)).toEqual([]);
    const started = performance.now();
    compileSchema(schema).findingsIn({ list: [false], p0: 1 });
    expect(performance.now() - started).toBeLessThan(patienceMs);
  }
});
