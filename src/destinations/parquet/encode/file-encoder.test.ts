import { zstdDecompressSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects, type SchemaElement } from 'hyparquet';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ColumnValue } from '../../tables/fit-value.ts';
import type { LogicalType } from '../../tables/logical-type.ts';
import { readRows } from '../stored-rows.ts';
import { elementOf, parquetValue } from '../typed-columns.ts';
import type { EncodedColumn } from './column-encoder.ts';
import { createFileEncoder } from './file-encoder.ts';
import { GrowingBytes } from './growing-bytes.ts';

const groupRows = 2_000;

function columnOf(name: string, type: LogicalType): EncodedColumn {
  return { element: elementOf(name, type), hold: (value) => parquetValue(value, type) };
}

function encode(
  columns: readonly EncodedColumn[],
  rows: readonly (readonly ColumnValue[])[],
  group = groupRows,
) {
  const encoder = createFileEncoder(columns, rows.length, group);
  const held = rows.map((row) => {
    const all = row.map((value, at) => encoder.add(at, value));
    encoder.endRow();
    return all;
  });
  return { held, file: Uint8Array.from(encoder.end()).buffer };
}

function read(file: ArrayBuffer): Promise<Record<string, unknown>[]> {
  const compressors = { ZSTD: (part: Uint8Array) => zstdDecompressSync(part) };
  return parquetReadObjects({ file, compressors });
}

const rowsOf = (count: number, valueOf: (row: number) => ColumnValue): ColumnValue[][] =>
  Array.from({ length: count }, (_, row) => [valueOf(row)]);

/** Values of each type, in no order, and what a reader has of them. */
const types: readonly [LogicalType, (row: number) => ColumnValue, (row: number) => unknown][] = [
  [{ kind: 'text' }, (row) => `né ${row}`, (row) => `né ${row}`],
  [{ kind: 'boolean' }, (row) => row % 3 === 0, (row) => row % 3 === 0],
  [{ kind: 'integer' }, (row) => -row, (row) => BigInt(-row)],
  [{ kind: 'double' }, (row) => row / 7, (row) => row / 7],
  [{ kind: 'number' }, (row) => row / 100, (row) => row / 100],
  [
    { kind: 'uuid' },
    (row) => `0188f0c3-7b1c-7000-8000-${String(row).padStart(12, '0')}`,
    (row) => `0188f0c3-7b1c-7000-8000-${String(row).padStart(12, '0')}`,
  ],
  [
    { kind: 'date' },
    (row) => new Date(row * 86_400_000).toISOString().slice(0, 10),
    (row) => new Date(row * 86_400_000),
  ],
  [
    { kind: 'timestamp' },
    (row) => new Date(row * 86_400_001).toISOString(),
    (row) => new Date(row * 86_400_001),
  ],
];

/** hyparquet makes a double of a decimal, and may lose its last digit. */
const rounded = (value: unknown): unknown =>
  typeof value === 'number' ? Number(value.toPrecision(12)) : value;

for (const [type, valueOf, readOf] of types) {
  test(`${type.kind}: distinct, repeated and missing values read back equal, group after group`, async () => {
    const kinds: ((row: number) => number | undefined)[] = [
      (row) => row,
      (row) => row % 300,
      (row) => (row % 7 === 0 ? undefined : row % 1_500),
      () => undefined,
      // Repeats only where a sample of the first values is over.
      (row) => Math.min(row, 1_100),
      // Repeats within the sample, and hardly afterwards.
      (row) => (row < 200 ? row % 100 : row),
    ];
    for (const kind of kinds) {
      const wanted = Array.from({ length: groupRows + 1 }, (_, row) => kind(row));
      const rows = wanted.map((number) => [number === undefined ? null : valueOf(number)]);
      const { held, file } = encode([columnOf('v', type)], rows);
      expect(held.flat().every(Boolean)).toBe(true);
      const values = (await read(file)).map(({ v }) => v);
      expect(values.map(rounded)).toEqual(
        wanted.map((number) => (number === undefined ? null : rounded(readOf(number)))),
      );
    }
  });
}

test('a value that does not fit is null, and only its column says so', async () => {
  const columns = [columnOf('when', { kind: 'timestamp' }), columnOf('name', { kind: 'text' })];
  // Nanoseconds end in 2262.
  const { held, file } = encode(columns, [
    ['2263-01-01T00:00:00.000Z', 'a'],
    ['2026-03-01T12:00:00.000Z', 'b'],
  ]);
  expect(held).toEqual([
    [false, true],
    [true, true],
  ]);
  expect(await read(file)).toEqual([
    { when: null, name: 'a' },
    { when: new Date('2026-03-01T12:00:00.000Z'), name: 'b' },
  ]);
});

test('the last nanosecond of both ends is no time: engines read it as infinite', () => {
  const times = ['2262-04-11T23:47:16.854775806Z', '2262-04-11T23:47:16.854775807Z'];
  const early = ['1677-09-21T00:12:43.145224194Z', '1677-09-21T00:12:43.145224193Z'];
  const { held } = encode(
    [columnOf('when', { kind: 'timestamp' })],
    [...times, ...early].map((time) => [time]),
  );
  expect(held).toEqual([[true], [false], [true], [false]]);
});

test('a text keeps the byte order mark that it begins with', async () => {
  const { file } = encode([columnOf('name', { kind: 'text' })], [['\uFEFFa'], ['b\uFEFF']]);
  const { rows } = await readRows(new Uint8Array(file));
  expect(rows).toEqual([{ name: '\uFEFFa' }, { name: 'b\uFEFF' }]);
});

test('a required column takes no null', () => {
  const element: SchemaElement = { name: 'id', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED' };
  expect(() => encode([{ element, hold: String }], [[null]])).toThrow('a row has no id');
});

test('bounds of texts are in the order of UTF-8, of decimals and times in that of their size', () => {
  const boundsOf = (type: LogicalType, values: readonly ColumnValue[]): unknown => {
    const rows = values.map((value) => [value]);
    const { file } = encode([columnOf('v', type)], rows);
    const { min_value, max_value, null_count } =
      parquetMetadata(file).row_groups[0]!.columns[0]!.meta_data!.statistics!;
    return { min_value, max_value, null_count };
  };
  // UTF-16 has the emoji below the other.
  expect(boundsOf({ kind: 'text' }, ['\u{1f600}', 'ab', null, '\uff5e', 'a'])).toEqual({
    min_value: 'a',
    max_value: '\u{1f600}',
    null_count: 1n,
  });
  expect(boundsOf({ kind: 'decimal', scale: 2 }, [3, -20.5, 100])).toMatchObject({
    min_value: -20.5,
    max_value: 100,
  });
  const times = [
    '2026-03-01T12:00:00.000Z',
    '1969-03-01T12:00:00.000Z',
    '2026-02-01T12:00:00.000Z',
  ];
  expect(boundsOf({ kind: 'timestamp' }, times)).toMatchObject({
    min_value: new Date(times[1]!),
    max_value: new Date(times[0]!),
  });
});

test('large texts are in pages of about a megabyte', async () => {
  const long = (row: number): string => `${row} ${'x'.repeat(100_000)}`;
  const { file } = encode([columnOf('v', { kind: 'text' })], rowsOf(25, long));
  const { encoding_stats } = parquetMetadata(file).row_groups[0]!.columns[0]!.meta_data!;
  expect(encoding_stats).toEqual([{ page_type: 'DATA_PAGE_V2', encoding: 'PLAIN', count: 3 }]);
  expect((await read(file)).map(({ v }) => v)).toEqual(
    Array.from({ length: 25 }, (_, row) => long(row)),
  );
});

test('a file without rows is one that can be read', async () => {
  expect(await read(encode([columnOf('v', { kind: 'text' })], []).file)).toEqual([]);
});

/** Texts that a search for equal ones looks for in the same place. */
function* crowd(): Generator<string> {
  const bytes = new GrowingBytes();
  for (let number = 0; ; number += 1) {
    bytes.clear();
    bytes.lengthAndText(`v${number}`);
    if ((bytes.hashOf(0, bytes.end) & 0xfff) === 7) yield `v${number}`;
  }
}

test('values that were made to have one hash are written one after the other, and not compared', async () => {
  const found = crowd();
  const values = Array.from({ length: 70 }, () => found.next().value as string);
  const encodingOf = (few: readonly string[]): string | undefined => {
    const { file } = encode(
      [columnOf('v', { kind: 'text' })],
      rowsOf(1_000, (row) => few[row % few.length]!),
    );
    const { encodings } = parquetMetadata(file).row_groups[0]!.columns[0]!.meta_data!;
    return encodings.at(-1);
  };
  expect(encodingOf(values.slice(0, 60))).toBe('RLE_DICTIONARY');
  expect(encodingOf(values)).toBe('PLAIN');
  const rows = rowsOf(1_000, (row) => values[row % 70]!);
  const { file } = encode([columnOf('v', { kind: 'text' })], rows);
  expect((await read(file)).map(({ v }) => v)).toEqual(rows.flat());
});

test('whole numbers, times and decimals are the bytes that a bigint has', () => {
  const size = fc.nat(999_999_999_999_999);
  const bytesOf = (write: (bytes: GrowingBytes) => void): string => {
    const bytes = new GrowingBytes();
    write(bytes);
    return bytes.written().toString('hex');
  };
  fc.assert(
    fc.property(
      size,
      fc.boolean(),
      fc.nat(18),
      fc.nat(999_999),
      (size, isNegative, power, nanos) => {
        const whole = isNegative ? -size : size;
        expect(bytesOf((bytes) => bytes.wholeNumber(whole))).toBe(
          bytesOf((bytes) => bytes.int64(BigInt(whole))),
        );
        expect(bytesOf((bytes) => bytes.scaled(size, isNegative, power))).toBe(
          bytesOf((bytes) => bytes.int128(BigInt(whole) * 10n ** BigInt(power))),
        );
        const ms = size % 9_223_372_036_854;
        expect(bytesOf((bytes) => bytes.nanoseconds(ms, nanos))).toBe(
          bytesOf((bytes) => bytes.int64(BigInt(ms) * 1_000_000n + BigInt(nanos))),
        );
      },
    ),
  );
});

test('two texts of one hash stay two', async () => {
  const bytes = new GrowingBytes();
  const seen = new Map<number, string>();
  let pair: string[] = [];
  for (let number = 0; pair.length === 0; number += 1) {
    bytes.clear();
    const text = `v${String(number).padStart(7, '0')}`;
    bytes.lengthAndText(text);
    const hash = bytes.hashOf(0, bytes.end);
    const other = seen.get(hash);
    if (other !== undefined) pair = [other, text];
    seen.set(hash, text);
  }
  const rows = rowsOf(1_000, (row) => pair[row % 2]!);
  const { file } = encode([columnOf('v', { kind: 'text' })], rows);
  expect((await read(file)).map(({ v }) => v)).toEqual(rows.flat());
});

test('a file is the same, whatever files were made before it', async () => {
  const made = types.map(([type, valueOf], at) => ({ column: columnOf(`c${at}`, type), valueOf }));
  type Made = typeof made;
  const fileOf = (of: Made, rows: number, distinct: number, group?: number): ArrayBuffer => {
    const values = Array.from({ length: rows }, (_, row) =>
      of.map(({ valueOf }, at) => (row % (at + 2) === 1 ? null : valueOf(row % distinct))),
    );
    const columns = of.map(({ column }) => column);
    return encode(columns, values, group).file;
  };
  const small = () => [fileOf(made, 100, 7), fileOf(made.slice(2, 5), 50, 50)].map(textOf);
  const first = small();
  // Columns of other types, more rows than any file before, and values that do not repeat.
  const large = fileOf(made.toReversed(), 2_500, 2_500, 2_500);
  expect(small()).toEqual(first);
  const rows = await read(large);
  const at = made.length - 1;
  const texts = rows.map((_, row) => (row % (at + 2) === 1 ? null : types[0]![2](row)));
  expect(rows.map((row) => row['c0'])).toEqual(texts);
});

test('how many slots an earlier file needed does not decide whether values repeat', () => {
  const bytes = new GrowingBytes();
  const slotOf = (text: string): number => {
    bytes.clear();
    bytes.lengthAndText(text);
    return bytes.hashOf(0, bytes.end) & 4095;
  };
  // Values that meet in one slot of a fresh table.
  const crowded: string[] = [];
  for (let at = 0; crowded.length < 70; at += 1) {
    if (slotOf(`value-${at}`) === 5) crowded.push(`value-${at}`);
  }
  const column = [columnOf('v', { kind: 'text' })];
  const fileOf = (rows: number, valueAt: (row: number) => string): string =>
    textOf(encode(column, rowsOf(rows, valueAt), rows).file);
  const first = fileOf(700, (row) => crowded[row % crowded.length]!);
  fileOf(20_000, (row) => `value-${Math.floor(row / 6.7)}`);
  expect(fileOf(700, (row) => crowded[row % crowded.length]!)).toBe(first);
});

const textOf = (file: ArrayBuffer): string => Buffer.from(file).toString('base64');
