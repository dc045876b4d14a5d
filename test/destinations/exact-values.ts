import * as fc from 'fast-check';

import { parseByHand } from '../../src/event/json/parse-json.ts';

/*
 * Numbers and texts that some program writes in another way: texts of JSON, generated as a producer may
 * write them, and a comparison that shares no code with the one of the gate.
 */

const digits = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...'0123456789'), { minLength, maxLength }).map((all) => all.join(''));

const whole = digits(1, 25).map((text) => text.replace(/^0+(?=\d)/, ''));
const sign = fc.constantFrom('', '-');

/** Near 2^53 and 2^63, where most programs err. */
const ids = fc
  .tuple(fc.constantFrom(2n ** 53n, 2n ** 63n, 2n ** 64n), fc.bigInt({ min: -3n, max: 3n }))
  .map(([base, offset]) => String(base + offset));

const numbers = fc.oneof(
  ids,
  fc.tuple(sign, whole).map((parts) => parts.join('')),
  fc.tuple(sign, whole, fc.constant('.'), digits(1, 25)).map((parts) => parts.join('')),
  fc
    .tuple(sign, whole, fc.constantFrom('e', 'E'), fc.integer({ min: -300, max: 280 }))
    .map((parts) => parts.join('')),
  fc.constantFrom('-0', '0.0', '1e2', '100.0', '0.1000000000000000055511151231257827', '1E+2'),
);

const texts = fc
  .string({ unit: 'binary', maxLength: 8 })
  // PostgreSQL is not the only one that cannot store U+0000; a dead letter says so.
  .map((text) => JSON.stringify(text.toWellFormed().replaceAll('\u0000', '')));

/** The text of a JSON object of numbers and texts, as a producer may write it. */
export const objectTexts: fc.Arbitrary<string> = fc
  .uniqueArray(
    fc.tuple(
      // Names that begin with $ belong to a vendor.
      fc.string({ unit: 'grapheme', maxLength: 6 }).map((name) => `p${name}`),
      fc.oneof(
        numbers,
        texts,
        fc.array(numbers, { maxLength: 3 }).map((list) => `[${list.join(', ')}]`),
        numbers.map((number) => `{"deeper": ${number}}`),
      ),
    ),
    { minLength: 1, maxLength: 5, selector: ([name]) => name },
  )
  .map((members) => {
    const text = members.map(([name, value]) => `${JSON.stringify(name)}: ${value}`);
    return `{${text.join(', ')}}`;
  });

/** RFC 3339 in UTC, with up to nine digits of a second. */
export const timeTexts: fc.Arbitrary<string> = fc
  .tuple(fc.integer({ min: 0, max: 4_000_000_000 }), digits(0, 9))
  .map(([seconds, fraction]) => {
    const text = new Date(seconds * 1000).toISOString().slice(0, 19);
    return `${text}${fraction === '' ? '' : `.${fraction}`}Z`;
  });

/** Every number as `<mantissa>e<exponent>`, without zeros at its end. */
export function valueOf(text: string): unknown {
  return parseByHand(text, (source) => ({ exactly: decimalOf(source) }));
}

function decimalOf(source: string): string {
  const [mantissa, power = '0'] = source.toLowerCase().split('e') as [string, string?];
  const [before, after = ''] = mantissa.split('.') as [string, string?];
  let value = BigInt(`${before}${after}`.replace('-', ''));
  if (value === 0n) return '0';
  let exponent = Number(power) - after.length;
  while (value % 10n === 0n) {
    value /= 10n;
    exponent += 1;
  }
  return `${source.startsWith('-') ? '-' : ''}${value}e${exponent}`;
}
