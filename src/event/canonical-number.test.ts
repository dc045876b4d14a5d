import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { canonicalNumber, plainDecimal } from './canonical-number.ts';
import { canonicalJson, parseWithNumberTexts } from './changed-properties.ts';

test.each([
  ['0', '-0', '0.0', '0e9', '-0.000'],
  ['100', '1e2', '100.0', '1.00E+2'],
  ['0.1', '0.10', '1e-1'],
  ['9007199254740993', '9007199254740993.0', '900719925474099300e-2'],
  ['0.12345678901234567891', '0.123456789012345678910', '12345678901234567891e-20'],
  ['12345678901234567890123', '12345678901234567890123.00', '1234567890123456789012.3e1'],
  ['1.2345678901234567891e+300', '12345678901234567891e281'],
  ['1e+999', '1e999', '10e998'],
  ['-1.5e-999', '-15e-1000'],
])('%s has one text', (canonical, ...others) => {
  for (const source of [canonical, ...others]) expect(canonicalNumber(source)).toBe(canonical);
});

test('a number that a double holds has the text that JSON gives it', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
      const text = JSON.stringify(number);
      expect(canonicalNumber(text)).toBe(text);
      expect(canonicalNumber(number.toExponential())).toBe(text);
    }),
  );
});

/** Digits, a point somewhere, and a power: the same number written in two ways. */
test('two ways to write a number have one text, and other numbers have others', () => {
  const digits = fc.stringMatching(/^[1-9]\d{0,30}$/);
  fc.assert(
    fc.property(digits, fc.integer({ min: -30, max: 30 }), fc.nat(8), (whole, power, zeros) => {
      const one = canonicalNumber(`${whole}e${power}`);
      expect(canonicalNumber(`${whole}${'0'.repeat(zeros)}e${power - zeros}`)).toBe(one);
      expect(canonicalNumber(`${whole}.${'0'.repeat(zeros + 1)}E${power}`)).toBe(one);
      expect(canonicalNumber(one)).toBe(one);
      expect(canonicalNumber(`${whole}1e${power}`)).not.toBe(one);
    }),
  );
});

test.each([
  ['0', 4, 2, '0'],
  ['-0.0', 4, 2, '-0'],
  ['12.34', 4, 2, '12.34'],
  ['1234e-2', 4, 2, '12.34'],
  ['-0.01', 4, 2, '-0.01'],
  ['99', 4, 2, '99'],
  ['9.9e1', 4, 2, '99'],
  ['100', 4, 2, undefined],
  ['0.001', 4, 2, undefined],
  ['x', 4, 2, undefined],
])('%s in a column of %i digits, %i after the point, is %s', (text, precision, scale, plain) => {
  expect(plainDecimal(text, precision, scale)).toBe(plain);
});

test('the time grows with the length', () => {
  const zeros = '0'.repeat(200_000);
  const startedAt = performance.now();
  canonicalNumber(`1${zeros}1`);
  canonicalNumber(`0.${zeros}1${zeros}2`);
  expect(performance.now() - startedAt).toBeLessThan(1000);
});

test('a value has one text, in whatever form its numbers were written', () => {
  const value = parseWithNumberTexts('{"b":[1e2,-0,{"__proto__":1.0}],"a":"1.0"}');
  expect(canonicalJson(value)).toBe('{"b":[100,0,{"__proto__":1}],"a":"1.0"}');
  expect(canonicalJson([100, -0])).toBe('[100,0]');
});
