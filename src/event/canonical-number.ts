/**
 * One text for each number, however it was written: `1e2`, `100.0` and `100` are `100`, and -0 is `0`. A
 * number that a double holds exactly is written as JavaScript writes it; any other keeps all its digits.
 * Hashes and ids are made from this text.
 *
 * @param source the text of a JSON number.
 */
export function canonicalNumber(source: string): string {
  const number = Number(source);
  if (isExactly(source, number)) return JSON.stringify(number);
  const { sign, digits, exponent } = decimalParts(source)!;
  if (exponent >= 0 && exponent <= zerosMax) return `${sign}${digits}${'0'.repeat(exponent)}`;
  const point = digits.length + exponent;
  if (exponent < 0 && point > 0) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  if (exponent < 0 && point > -zerosMax) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  const fraction = digits.length === 1 ? '' : `.${digits.slice(1)}`;
  return `${sign}${digits[0]}${fraction}e${point > 0 ? '+' : ''}${point - 1}`;
}

/** Beyond this many zeros a number is written with an exponent. */
const zerosMax = 40;

/** Whether a double holds exactly the number in a text. */
export function isExactly(source: string, value: number): boolean {
  const written = String(value);
  return written === source || (Number.isFinite(value) && sameNumber(written, source));
}

function sameNumber(one: string, other: string): boolean {
  const [left, right] = [decimalParts(one), decimalParts(other)];
  if (left === undefined || right === undefined) return false;
  if (left.digits === '' || right.digits === '') return left.digits === right.digits;
  return (
    left.sign === right.sign && left.digits === right.digits && left.exponent === right.exponent
  );
}

/** A number as its digits and the power of ten that they stand at. */
export interface NumberParts {
  readonly sign: string;
  /** Without zeros at the ends; empty for zero. */
  readonly digits: string;
  /** The power of ten that multiplies the digits, read as a whole number. */
  readonly exponent: number;
}

/** Undefined if the text is not a number of JSON. */
export function decimalParts(text: string): NumberParts | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', power = '0'] = match;
  const all = (whole + fraction).replace(/^0+/, '');
  const digits = all.slice(0, lengthWithoutZeros(all));
  return { sign, digits, exponent: Number(power) - fraction.length + (all.length - digits.length) };
}

/** A loop: `/0+$/` takes quadratic time on a text of zeros. */
function lengthWithoutZeros(text: string): number {
  let length = text.length;
  while (length > 0 && text[length - 1] === '0') length -= 1;
  return length;
}

/** As exact as the contract is with `multipleOf` (`multipleOfPrecision` in validation/schema/compile-schema.ts). */
const nearbyDigits = 6;
const [below, above] = ['0'.repeat(nearbyDigits), '9'.repeat(nearbyDigits)];
/** Digits of any number that is rounded. */
const roundedDigitsMax = 400;

/**
 * The canonical text of the number with `scale` digits after its point that a number is, or is nearer to than by a
 * millionth of its last digit. Undefined if it is near to no such number.
 */
export function roundedNearby(text: string, scale: number): string | undefined {
  const parts = decimalParts(text);
  if (parts === undefined) return undefined;
  const { sign, digits, exponent } = parts;
  const tooMany = -exponent - scale;
  if (tooMany <= 0 || digits === '') return text;
  const kept = digits.slice(0, Math.max(0, digits.length - tooMany));
  const zeros = Math.max(0, tooMany - digits.length);
  const rest = '0'.repeat(Math.min(zeros, nearbyDigits)) + digits.slice(kept.length);
  if (rest.length < nearbyDigits || kept.length > roundedDigitsMax) return undefined;
  const isAbove = rest.startsWith(above);
  if (!isAbove && !rest.startsWith(below)) return undefined;
  return canonicalNumber(`${sign}${BigInt(kept) + (isAbove ? 1n : 0n)}e-${scale}`);
}

/**
 * A number with all its digits and without an exponent, for a column with a fixed point. Undefined if it has
 * more digits before or after the point than the column.
 *
 * @param precision digits of the column in all.
 * @param scale digits of these after the point.
 */
export function plainDecimal(text: string, precision: number, scale: number): string | undefined {
  const parts = decimalParts(text);
  if (parts === undefined) return undefined;
  const { sign, digits, exponent } = parts;
  if (digits === '') return `${sign}0`;
  const point = digits.length + exponent;
  if (point > precision - scale || -exponent > scale) return undefined;
  const before = digits.slice(0, Math.max(0, point)).padEnd(point, '0');
  const after = `${'0'.repeat(Math.max(0, -point))}${digits.slice(Math.max(0, point))}`;
  return `${sign}${before || '0'}${exponent < 0 ? `.${after}` : ''}`;
}
