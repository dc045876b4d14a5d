import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { BinaryRows } from './row-binary.ts';

/** The bytes that a cell is written with. */
function bytesOf(write: (rows: BinaryRows) => unknown): Buffer {
  const rows = new BinaryRows();
  write(rows);
  const { bytes, start, end } = rows.finish();
  return bytes.subarray(start, end);
}

/** A whole number with a sign, the lowest byte first. */
function integerOf(bytes: Buffer): bigint {
  const digits = bytes.toReversed();
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(digits).toString('hex')}`));
}

test.each([
  [16, 38, 2],
  [16, 38, 18],
  [32, 76, 38],
] as const)(
  'a decimal of %i bytes is the whole number of its smallest parts',
  (size, all, scale) => {
    const digits = fc.stringMatching(new RegExp(`^-?\\d{1,${all - scale}}(\\.\\d{1,${scale}})?$`));
    fc.assert(
      fc.property(digits, (text) => {
        const [whole = '', fraction = ''] = text.split('.');
        const wanted = BigInt(`${whole}${fraction.padEnd(scale, '0')}`.replace(/^-0*(?=\d)/, '-'));
        const written = integerOf(bytesOf((rows) => rows.decimal(text, size, scale)));
        expect(written).toBe(wanted);
        const number = Number(text);
        const isExact = String(number) === text;
        const short = bytesOf((rows) => isExact && rows.shortDecimal(number, size, scale));
        expect(short.length === 0 ? wanted : integerOf(short)).toBe(wanted);
      }),
      { numRuns: 2_000, examples: [['0'], ['-0.5'], ['999999999999999'], ['0.1'], ['19.9']] },
    );
  },
);

test('a number with few digits needs no text, and one with many is left to its text', () => {
  const prices = fc.integer({ min: -(10 ** 12), max: 10 ** 12 });
  fc.assert(
    fc.property(prices, (cents) => {
      const written = bytesOf((rows) => expect(rows.shortDecimal(cents / 100, 32, 38)).toBe(true));
      expect(integerOf(written)).toBe(BigInt(cents) * 10n ** 36n);
    }),
    { examples: [[0], [-1], [1990], [-(10 ** 12)]] },
  );
  for (const value of [0.00001, 1e15, -1e21, 0.1 + 0.2, 1 / 3, Number.MAX_VALUE]) {
    const left = bytesOf((rows) => expect(rows.shortDecimal(value, 32, 38)).toBe(false));
    expect(left).toHaveLength(0);
  }
  // A scale that the digits do not fit in.
  expect(bytesOf((rows) => rows.shortDecimal(0.125, 16, 2))).toHaveLength(0);
});

test('integers and numbers have all their bits', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      const number = Number(value);
      const exact = Number.isSafeInteger(number) ? number : value;
      expect(integerOf(bytesOf((rows) => rows.integer64(exact)))).toBe(value);
      expect(integerOf(bytesOf((rows) => rows.integer256(value * 3n ** 100n)))).toBe(
        value * 3n ** 100n,
      );
    }),
    { examples: [[-1n], [0n], [2n ** 53n - 1n], [-(2n ** 53n) + 1n], [2n ** 32n]] },
  );
  expect(bytesOf((rows) => rows.double(-1.5)).readDoubleLE()).toBe(-1.5);
});

test('a time is counted from 1970, with the digits of its column', () => {
  const date = fc.date({ min: new Date('1900-01-01'), max: new Date('2262-01-01') });
  fc.assert(
    fc.property(date, fc.integer({ min: 0, max: 999_999 }), (at, nanos) => {
      const text = `${at.toISOString().slice(0, -1)}${String(nanos).padStart(6, '0')}Z`;
      const inMs = BigInt(at.getTime());
      expect(integerOf(bytesOf((rows) => rows.time(text, 9)))).toBe(
        inMs * 1_000_000n + BigInt(nanos),
      );
      expect(integerOf(bytesOf((rows) => rows.time(text, 3)))).toBe(inMs);
      expect(integerOf(bytesOf((rows) => rows.time(at.toISOString(), 9)))).toBe(inMs * 1_000_000n);
      const day = BigInt(Math.floor(at.getTime() / 86_400_000));
      expect(integerOf(bytesOf((rows) => rows.date(text.slice(0, 10))))).toBe(day);
    }),
    {
      examples: [
        [new Date('2024-02-29T23:59:59.999Z'), 1],
        [new Date(-1), 0],
        [new Date(0), 0],
      ],
    },
  );
  expect(integerOf(bytesOf((rows) => rows.time('1970-01-01T00:00:01Z', 3)))).toBe(1000n);
});

test('a UUID is two halves, and anything else is refused and leaves nothing', () => {
  const text = '00112233-4455-6677-8899-AABBccddeeff';
  expect(bytesOf((rows) => rows.uuid(text)).toString('hex')).toBe(
    '7766554433221100ffeeddccbbaa9988',
  );
  const wrong = [text.slice(1), `${text}0`, text.replace('1', 'g'), text.replace('-', '0')];
  for (const each of [...wrong, text.replace('f', 'é'), '']) {
    expect(bytesOf((rows) => expect(rows.uuid(each)).toBe(false))).toHaveLength(0);
  }
});

test('a text says its length in bytes, and may be empty or long', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const written = bytesOf((rows) => rows.text(text, false));
      const size = Buffer.byteLength(text);
      expect(written.subarray(size < 128 ? 1 : 2).toString()).toBe(Buffer.from(text).toString());
      const head = size < 128 ? [size] : [(size & 0x7f) | 0x80, size >>> 7];
      expect([...written.subarray(0, head.length)]).toEqual(head);
    }),
  );
  for (const length of [0, 1, 24, 25, 127, 128, 20_000]) {
    const text = 'a'.repeat(length);
    const both = [true, false].map((isAscii) => bytesOf((rows) => rows.text(text, isAscii)));
    expect(both[0]).toEqual(both[1]);
  }
});
