import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../event/json/json.ts';
import type { TableDialect } from './dialect.ts';
import { eventColumns } from './event-columns.ts';
import { generatedVersions } from './generated-schemas.fixture.ts';
import { changesOf, columnsMax, planTable, type TablePlan } from './plan-table.ts';

const dialect: TableDialect = {
  nameBytesMax: 63,
  typeOf: ({ kind }) => (kind === 'enum' ? 'text' : kind),
};

/** As PostgreSQL: several types are declared alike. */
const fewTypes: TableDialect = {
  nameBytesMax: 63,
  typeOf({ kind }) {
    if (kind === 'array' || kind === 'map' || kind === 'json') return 'jsonb';
    return kind === 'decimal' || kind === 'number' || kind === 'big_integer' ? 'numeric' : 'text';
  },
};

function plan(...versions: JsonObject[]): TablePlan {
  const schemas = versions.map((properties) => ({ type: 'object', properties }));
  return planTable({ name: 'order_completed', schemas }, { dialect });
}

const columnsOf = ({ columns }: TablePlan): string[] =>
  columns.map(({ name, declared, versions }) => `${name} ${declared} ${versions.join(',')}`);

describe('the types of columns', () => {
  test.each<[string, JsonObject]>([
    ['text', { type: 'string' }],
    ['text', { type: ['string', 'null'], minLength: 3 }],
    ['text', { enum: ['card', 'cash'] }],
    ['text', { type: 'string', format: 'email', maxLength: 90 }],
    ['text', { type: 'string', format: 'uuid', maxLength: 36, 'x-pii': 'hash' }],
    ['uuid', { type: 'string', format: 'uuid', maxLength: 36 }],
    ['timestamp', { type: 'string', format: 'date-time', maxLength: 40 }],
    ['boolean', { type: 'boolean' }],
    ['integer', { type: 'integer', minimum: 0, maximum: 9 }],
    ['integer', { type: 'integer', maximum: 2 ** 63 }],
    ['big_integer', { type: 'integer', maximum: 2 ** 64 }],
    ['integer', { type: 'number', multipleOf: 1 }],
    ['decimal', { type: 'number', multipleOf: 0.01 }],
    ['number', { type: 'number', minimum: 0 }],
    ['number', { type: ['number', 'integer'] }],
    ['double', { type: 'number', format: 'double' }],
    ['json', { type: ['string', 'integer'] }],
    ['json', { oneOf: [{ type: 'string' }, { type: 'object' }] }],
    ['uuid', { allOf: [{ type: 'string' }, { type: 'string', format: 'uuid', maxLength: 36 }] }],
    ['integer', { type: 'integer', anyOf: [{ minimum: 3 }, { maximum: 0 }] }],
    ['array', { type: 'array', items: { type: 'string' } }],
    ['map', { type: 'object', additionalProperties: { type: 'number' } }],
    ['map', { type: 'object' }],
    ['json', {}],
    ['integer', { const: 3 }],
  ])('%s', (type, schema) => {
    expect(plan({ value: schema }).columns).toMatchObject([{ name: 'value', declared: type }]);
  });

  test('an object has a column for each member, four names deep', () => {
    const leaf = { type: 'object', properties: { deep: { type: 'string' } } };
    const nest = (name: string, inner: JsonObject): JsonObject => ({
      type: 'object',
      properties: { [name]: inner, also: { type: 'boolean' } },
    });
    expect(columnsOf(plan({ a: nest('b', nest('c', nest('d', leaf))) }))).toEqual([
      'a_also boolean 1',
      'a_b_also boolean 1',
      'a_b_c_also boolean 1',
      'a_b_c_d json 1',
    ]);
  });

  test('the branches of oneOf, then and dependentSchemas bring their members', () => {
    const withMember = (name: string, schema: JsonObject): JsonObject => ({
      type: 'object',
      properties: { [name]: schema },
    });
    const sometimes = JSON.parse(
      '{"then":{"properties":{"conditional":{"type":"boolean"}}}}',
    ) as JsonObject;
    const schema = {
      type: 'object',
      properties: { kind: { enum: ['a', 'b'] } },
      oneOf: [withMember('left', { type: 'string' }), withMember('right', { type: 'integer' })],
      if: { properties: { kind: { const: 'a' } } },
      ...sometimes,
      else: { required: ['left'] },
      dependentSchemas: { kind: withMember('dependent', { type: 'number' }) },
    };
    const planned = planTable({ name: 'x_seen', schemas: [schema] }, { dialect });
    expect(planned.columns.map(({ name }) => name)).toEqual([
      'conditional',
      'dependent',
      'kind',
      'property_left',
      'property_right',
    ]);
  });

  test('what is dropped as personal data has no column', () => {
    expect(plan({ name: { type: 'string', 'x-pii': 'drop' } }).columns).toEqual([]);
  });
});

describe('versions', () => {
  test('add columns; a type that changes begins a column, and one that returns finds its own', () => {
    const made = plan(
      { amount: { type: 'integer' } },
      { amount: { type: 'integer' }, currency: { type: 'string' } },
      { amount: { type: 'string' }, currency: { enum: ['EUR'] } },
      { amount: { type: 'integer', minimum: 0 } },
    );
    expect(columnsOf(made)).toEqual([
      'amount integer 1,2,4',
      'currency text 2,3',
      'amount_v3 text 3',
    ]);
    expect(made.view?.name).toBe('order_completed_all');
    expect(made.view?.columns.map(({ columns }) => columns.map(({ name }) => name))).toEqual([
      ['amount_v3', 'amount'],
      ['currency'],
    ]);
  });

  test('never change the columns of earlier versions, nor two columns with one name', () => {
    fc.assert(
      fc.property(generatedVersions, (schemas) => {
        const before = planTable(
          { name: 'x_seen', schemas: schemas.slice(0, -1) },
          { dialect },
        ).columns;
        const { columns } = planTable({ name: 'x_seen', schemas }, { dialect });
        const key = ({ name, path, declared }: (typeof columns)[number]): string =>
          JSON.stringify([name, path, declared]);
        expect(columns.slice(0, before.length).map(key)).toEqual(before.map(key));
        const names = [...eventColumns, ...columns].map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, JsonObject, JsonObject, string]>([
    ['jsonb', { type: 'array' }, { type: 'object' }, 'json'],
    ['jsonb', { type: 'object' }, { type: 'array' }, 'json'],
    ['jsonb', {}, { type: 'array' }, 'json'],
    [
      'numeric',
      { type: 'number', multipleOf: 0.01 },
      { type: 'number', multipleOf: 0.1 },
      'number',
    ],
    ['numeric', { type: 'number' }, { type: 'integer', maximum: 1e30 }, 'number'],
    ['text', { enum: ['a'] }, { enum: ['b'] }, 'enum'],
  ])('that share a column of %s all fit it: %j, then %j', (declared, first, second, kind) => {
    const schemas = [first, second].map((value) => ({ type: 'object', properties: { value } }));
    const made = planTable({ name: 'x_seen', schemas }, { dialect: fewTypes });
    expect(made.columns).toMatchObject([{ declared, versions: [1, 2], type: { kind } }]);
  });

  test('have room for so many columns, and keep the rest in properties', () => {
    const many = (count: number): JsonObject =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`p${at}`, { type: 'string' }]));
    expect(plan(many(columnsMax))).toMatchObject({ left: 0 });
    const over = plan(many(columnsMax + 1));
    expect([over.columns.length, over.left]).toEqual([columnsMax, 1]);
  });
});

describe('the changes of a table', () => {
  const made = plan({ amount: { type: 'integer' }, city: { type: 'string' } });
  const complete = new Map([
    ...eventColumns.map(({ name, type }) => [name, dialect.typeOf(type)] as const),
    ...made.columns.map(({ name, declared }) => [name, declared] as const),
  ]);

  test('are not needed if it is complete, whatever else it has', () => {
    const existing = new Map([...complete, ['note', 'text']]);
    expect(changesOf(made, existing, dialect)).toEqual({
      create: undefined,
      addCommon: [],
      add: [],
      wrong: [],
    });
  });

  test('are what is missing, and what has another type', () => {
    const existing = new Map([...complete, ['amount', 'text']]);
    existing.delete('city');
    existing.delete('misfits');
    expect(changesOf(made, existing, dialect)).toMatchObject({
      addCommon: ['misfits'],
      add: [{ name: 'city' }],
      wrong: [{ name: 'amount', is: 'text', wants: 'integer' }],
    });
    expect(changesOf(made, undefined, dialect).create).toBe(made);
  });
});
