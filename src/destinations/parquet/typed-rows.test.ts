import { DatabaseSync } from 'node:sqlite';

import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';

import type { LogicalType } from '../tables/logical-type.ts';
import type { PlannedColumn, TablePlan } from '../tables/plan-table.ts';
import { encodeRows } from './file.ts';
import { cutBatch } from './spool/blocks.ts';
import { createLotEvents, type LotEvents } from './spool/lot-events.ts';
import { createOddEvents } from './spool/odd-events.ts';
import { readRows } from './stored-rows.ts';
import { encodeTypedRows } from './typed-rows.ts';

const quoted = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  text.map((value) => JSON.stringify(value));

const time = fc
  .date({ noInvalidDate: true, min: new Date('1960-01-01'), max: new Date('2270-01-01') })
  .map((value) => value.toISOString());
const anyTime = fc.oneof(
  { weight: 4, arbitrary: time },
  time.map((value) => value.replace(/\.\d+Z/, 'Z')),
  fc
    .tuple(time, fc.stringMatching(/^\.\d{1,10}$/))
    .map(([value, digits]) => value.replace(/\.\d+Z/, `${digits}Z`)),
  fc.constantFrom(
    '2024-02-29T00:00:00.000Z',
    '2023-02-29T00:00:00.000Z',
    '2026-02-30T00:00:00.000Z',
    '2026-13-01T00:00:00.000Z',
    '2026-03-01T24:00:00.000Z',
    '2026-03-01T12:60:00.000Z',
    '2026-03-01T12:00:60.000Z',
    '2026-03-01t12:00:00.000z',
    '2026-03-01T12:00:00.000+02:00',
    '2026-03-01T12:00:00.Z',
    '2026-03-01 12:00:00.000Z',
    '2262-04-11T23:47:16.854775807Z',
    '0000-01-01T00:00:00.000Z',
    '9999-12-31T23:59:59.999Z',
    'now',
  ),
);

const number = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.integer({ min: -100_000, max: 100_000 }).map((size) => String(size / 100)),
  },
  fc.integer().map(String),
  fc.maxSafeInteger().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String),
  fc.stringMatching(/^-?(0|[1-9]\d{0,19})\.\d{1,20}$/),
  fc.constantFrom(
    '0',
    '-0',
    '0.0',
    '-0.0',
    '1.0',
    '1.50',
    '100.00',
    '1e2',
    '1E-2',
    '1e400',
    '0.000001',
    '0.0000001',
  ),
  fc.constantFrom(
    '999999999999999',
    '1000000000000000',
    '-999999999999999',
    '99999999999.999',
    '9007199254740993',
  ),
);

const word = fc.oneof(
  fc.constantFrom('card', 'cash', '', 'null', '\uFEFFa', 'né', '\u{1f600}'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
);
const uuid = fc
  .tuple(fc.uuid(), fc.boolean())
  .map(([id, isUpper]) => (isUpper ? id.toUpperCase() : id));

const { json } = fc.letrec<{ json: string; array: string; object: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('null', 'true', 'false', '"\\u0041"', '"a\\/b"', '"\\n"'),
    number,
    quoted(word),
    tie('array'),
    tie('object'),
  ),
  array: fc.array(tie('json'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
  object: fc
    .array(
      fc.tuple(
        fc.constantFrom('"a"', '"b"', '"sku"', '"2"', '"1"', '"__proto__"', '""', '"\\u0061"'),
        tie('json'),
      ),
      {
        maxLength: 4,
      },
    )
    .map((members) => `{${members.map((member) => member.join(':')).join(',')}}`),
}));

/** JSON that a column of each kind holds most often. */
const usual: Readonly<Record<LogicalType['kind'], fc.Arbitrary<string>>> = {
  text: quoted(word),
  enum: quoted(word),
  uuid: quoted(uuid),
  timestamp: quoted(anyTime),
  date: quoted(
    fc.oneof(
      anyTime.map((value) => value.slice(0, 10)),
      fc.constantFrom('2026-3-01', '20260301'),
    ),
  ),
  time: quoted(fc.constantFrom('23:59:59.5Z', '23:59:59z', '25:00:00Z')),
  boolean: fc.constantFrom('true', 'false'),
  integer: number,
  big_integer: number,
  decimal: number,
  number,
  double: number,
  array: fc.array(json, { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
  map: fc
    .array(json, { maxLength: 3 })
    .map((items) => `{${items.map((item, at) => `"k${at}":${item}`).join(',')}}`),
  json,
};

const types: readonly LogicalType[] = [
  ...(
    [
      'text',
      'uuid',
      'timestamp',
      'date',
      'time',
      'boolean',
      'integer',
      'big_integer',
      'number',
      'double',
      'json',
    ] as const
  ).map((kind) => ({ kind })),
  { kind: 'enum', values: ['card', 'cash'] },
  { kind: 'decimal', scale: 2 },
  { kind: 'decimal', scale: 25 },
  { kind: 'array', item: { kind: 'text' } },
  { kind: 'map', value: { kind: 'integer' } },
];

/** A column of each type for a property, and another for one in an object that is a column itself. */
const columns: readonly PlannedColumn[] = types.flatMap((type, at) =>
  [[`p${at}`], ['address', `p${at}`]].map((path) => ({
    name: path.join('_'),
    path,
    type,
    declared: '',
    versions: path.length === 1 ? [1, 2] : [2],
  })),
);
const address: PlannedColumn = {
  name: 'address',
  path: ['address'],
  type: { kind: 'text' },
  declared: '',
  versions: [1],
};
const changed: PlannedColumn = {
  ...columns[0]!,
  name: 'p0_v3',
  type: { kind: 'integer' },
  versions: [3],
};
const plan: TablePlan = {
  event: 'page_viewed',
  table: 'page_viewed',
  versions: 3,
  columns: [...columns, address, changed],
  left: 0,
};

/** Members in any order: some are missing, some come twice, and some are of no column. */
const membersOf = (inner: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc
    .tuple(...inner.map((member) => fc.option(member, { freq: 3, nil: '' })))
    .chain((found) =>
      fc.shuffledSubarray(
        found.filter((member) => member !== ''),
        { minLength: 0 },
      ),
    )
    .map((members) => `{${members.join(',')}}`);

const members = types.map((type, at) =>
  fc
    .oneof({ weight: 6, arbitrary: usual[type.kind] }, json, fc.constant('null'))
    .map((value) => `"p${at}":${value}`),
);
const odd = fc
  .tuple(fc.constantFrom('"other"', '"p0"', '"\\u0070\\u0030"', '"p\\n"', '"address"', '"p"'), json)
  .map((member) => member.join(':'));
const addressOf = (inner: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  inner.map((value) => `"address":${value}`);
const properties = fc.oneof(
  { weight: 8, arbitrary: membersOf([...members, addressOf(membersOf(members))]) },
  {
    weight: 2,
    arbitrary: membersOf([...members, odd, odd, addressOf(membersOf([...members, odd]))]),
  },
  json,
);

const optional = (member: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.option(value, { nil: '' }).map((text) => (text === '' ? '' : `"${member}":${text}`));

const payload = fc
  .tuple(
    quoted(fc.oneof({ weight: 8, arbitrary: uuid }, word)).map((id) => `"eventId":${id}`),
    fc.constant('"eventName":"page_viewed","source":"default"'),
    quoted(fc.oneof({ weight: 8, arbitrary: time }, anyTime)).map(
      (value) => `"timestamp":${value}`,
    ),
    quoted(fc.oneof({ weight: 8, arbitrary: time }, anyTime)).map(
      (value) => `"eventTime":${value}`,
    ),
    optional('userId', quoted(word)),
    fc.constant('"idempotencyKey":"key"'),
    optional('schemaVersion', fc.constantFrom('1', '2', '3', '4', '999999999', '1.5')),
    optional('properties', properties),
    optional('context', json),
    optional('occurredAt', quoted(anyTime)),
    optional('sentAt', quoted(anyTime)),
    optional('warnings', json),
  )
  .map((all) => `{${all.filter((member) => member !== '').join(',')}}`);

interface Lot {
  readonly events: LotEvents;
  readonly places: readonly number[];
  /** How many events were parsed. */
  readonly parsed: () => number;
}

function lotOf(payloads: readonly string[], isWhole = false): Lot {
  const database = new DatabaseSync(':memory:');
  onTestFinished(() => database.close());
  const odd = createOddEvents(database);
  // Two batches, of another time each.
  const blocks = [payloads.slice(0, 3), payloads.slice(3)]
    .filter((part) => part.length > 0)
    .flatMap((part, batch) => {
      const all = part.map((text) => Buffer.from(text));
      let end = 0;
      const packed = {
        bytes: Buffer.concat(all),
        ends: Uint32Array.from(all, ({ length }) => (end += length)),
        sequences: Float64Array.from(all, (_, index) => 1000 * batch + index),
      };
      const deliveredAt = `2026-03-01T12:00:0${batch}.000Z`;
      return cutBatch(packed, odd).blocks.map(({ block }) => ({ ...block, deliveredAt, isWhole }));
    });
  const events = createLotEvents(blocks, odd);
  let parsed = 0;
  const texts = events.texts.bind(events);
  events.texts = () => {
    parsed += 1;
    return texts();
  };
  const places = Array.from({ length: events.count }, (_, place) => place);
  return { events, places, parsed: () => parsed };
}

test('the file made of bytes is that made of parsed events, whatever the values', () => {
  let [all, parsed] = [0, 0];
  fc.assert(
    fc.property(fc.array(payload, { minLength: 1, maxLength: 20 }), (payloads) => {
      const lot = lotOf(payloads);
      fc.pre(lot.places.length > 0);
      const fast = encodeTypedRows(plan, lot.events, lot.places);
      [all, parsed] = [all + lot.places.length, parsed + lot.parsed()];
      const slow = encodeTypedRows(plan, lot.events, lot.places, false);
      expect(Buffer.compare(fast, slow)).toBe(0);
    }),
    { numRuns: 300 },
  );
  expect(parsed).toBeLessThan(all);
});

/** A value of each column, as most events have them. */
const plainValues: Readonly<Record<LogicalType['kind'], (row: number) => unknown>> = {
  text: (row) => `né ${row}`,
  enum: (row) => (row % 2 === 0 ? 'card' : 'cash'),
  uuid: (row) => `0188f0c3-7b1c-7000-8000-${String(row).padStart(12, '0')}`,
  timestamp: (row) => new Date(Date.UTC(2026, 0) + row).toISOString(),
  date: (row) => new Date(Date.UTC(2024, 0, 1 + row)).toISOString().slice(0, 10),
  time: () => '12:00:00Z',
  boolean: (row) => row % 3 === 0,
  integer: (row) => -row,
  big_integer: (row) => row * 1000,
  decimal: (row) => row / 4,
  number: (row) => -row / 100,
  double: (row) => row / 8,
  array: (row) => ['a', row],
  map: (row) => ({ k: row }),
  json: (row) => [{ sku: `SKU-${row}`, price: 52.15 }],
};

const plainEvent = (row: number): string => {
  const own = Object.fromEntries(types.map((type, at) => [`p${at}`, plainValues[type.kind](row)]));
  return JSON.stringify({
    eventId: plainValues.uuid(row),
    eventName: 'page_viewed',
    source: 'default',
    timestamp: plainValues.timestamp(row),
    eventTime: plainValues.timestamp(row),
    userId: `user ${row % 10}`,
    idempotencyKey: plainValues.uuid(row),
    schemaVersion: 2,
    properties: { ...own, address: own },
    context: { page: '/' },
  });
};

test('events as they are most often are not parsed', async () => {
  // Distinct values end the search for equal ones, and few values stay in a dictionary.
  const lot = lotOf(Array.from({ length: 2_500 }, (_, row) => plainEvent(row % 1_700)));
  const fast = encodeTypedRows(plan, lot.events, lot.places);
  expect(lot.parsed()).toBe(0);
  const slow = encodeTypedRows(plan, lot.events, lot.places, false);
  expect(lot.parsed()).toBe(2_500);
  expect(Buffer.compare(fast, slow)).toBe(0);
  const { rows } = await readRows(fast);
  expect(rows).toHaveLength(2_500);
  expect(rows[7]).toMatchObject({
    event_id: plainValues.uuid(7),
    delivered_at: new Date('2026-03-01T12:00:01.000Z'),
    sequence: 1004n,
    p0: 'né 7',
    address_p6: -7n,
    p13: 1.75,
    misfits: null,
  });
});

test('the file of all events is the same from bytes, whole events or not', () => {
  fc.assert(
    fc.property(
      fc.array(payload, { minLength: 1, maxLength: 20 }),
      fc.boolean(),
      (payloads, isWhole) => {
        const { events, places } = lotOf(payloads, isWhole);
        fc.pre(places.length > 0);
        const own = Uint32Array.from(places);
        expect(Buffer.compare(encodeRows(events, own), encodeRows(events, own, false))).toBe(0);
      },
    ),
    { numRuns: 200 },
  );
});
