/** Of a product of two limbs and their sum, a double holds every digit. */
const limbBits = 24;
const limb = 2 ** limbBits;
const limbsMax = 11;

/** The powers of ten of a column, as limbs, the lowest first. */
const powers: readonly (readonly number[])[] = Array.from({ length: 77 }, (_, power) => {
  const value = 10n ** BigInt(power);
  return Array.from({ length: limbsMax }, (_limb, index) =>
    Number((value >> BigInt(index * limbBits)) & BigInt(limb - 1)),
  );
});

/** Digits that a double holds whatever they are. */
const safeDigits = 15;

/**
 * Writes a number as the whole number of its smallest parts, as Decimal has it.
 *
 * @param text without an exponent, and with at most `scale` digits after the point.
 */
export function writeDecimal(
  bytes: Buffer,
  at: number,
  text: string,
  size: 16 | 32,
  scale: number,
): void {
  const point = text.indexOf('.');
  const fraction = point === -1 ? 0 : text.length - point - 1;
  if (text.length > safeDigits) {
    const digits = point === -1 ? text : `${text.slice(0, point)}${text.slice(point + 1)}`;
    writeInteger(bytes, at, BigInt(digits) * 10n ** BigInt(scale - fraction), size);
    return;
  }
  const isNegative = text.charCodeAt(0) === minus;
  let mantissa = 0;
  for (let index = isNegative ? 1 : 0; index < text.length; index += 1) {
    if (index !== point) mantissa = mantissa * 10 + (text.charCodeAt(index) - zero);
  }
  writeProduct(bytes, at, mantissa, powers[scale - fraction]!, size);
  if (isNegative) negate(bytes, at, size);
}

const factors = [1, 10, 100, 1_000, 10_000] as const;
const safeMax = 10 ** safeDigits;

/**
 * Writes a number with few digits after the point; false if it has more. Of at most 15 digits, no two numbers are
 * the same double: the one that is found here is the one that was written in JSON.
 */
export function writeShortDecimal(
  bytes: Buffer,
  at: number,
  value: number,
  size: 16 | 32,
  scale: number,
): boolean {
  const digitsMax = Math.min(scale, factors.length - 1);
  for (let digits = 0; digits <= digitsMax; digits += 1) {
    const factor = factors[digits]!;
    const parts = Math.round(value * factor);
    if (Math.abs(parts) >= safeMax) return false;
    if (parts / factor !== value) continue;
    writeProduct(bytes, at, Math.abs(parts), powers[scale - digits]!, size);
    if (parts < 0) negate(bytes, at, size);
    return true;
  }
  return false;
}

/**
 * Writes a number of at most 15 digits.
 *
 * @param fraction how many of its digits are behind the point: at most `scale`.
 */
export function writeDigits(
  bytes: Buffer,
  at: number,
  mantissa: number,
  fraction: number,
  size: 16 | 32,
  scale: number,
): void {
  writeProduct(bytes, at, Math.abs(mantissa), powers[scale - fraction]!, size);
  if (mantissa < 0) negate(bytes, at, size);
}

const minus = 0x2d;
const zero = 0x30;

/** Writes the product of a whole number of at most 15 digits and another one, the lowest byte first. */
function writeProduct(
  bytes: Buffer,
  at: number,
  factor: number,
  limbs: readonly number[],
  size: number,
): void {
  const high = Math.floor(factor / (limb * limb));
  const middle = Math.floor(factor / limb) - high * limb;
  const low = factor - middle * limb - high * limb * limb;
  let carry = 0;
  for (let index = 0; index * 3 < size; index += 1) {
    const sum =
      carry +
      low * limbs[index]! +
      (index > 0 ? middle * limbs[index - 1]! : 0) +
      (index > 1 ? high * limbs[index - 2]! : 0);
    carry = Math.floor(sum / limb);
    const digits = sum - carry * limb;
    const place = at + index * 3;
    bytes[place] = digits;
    if (index * 3 + 1 < size) bytes[place + 1] = digits >>> 8;
    if (index * 3 + 2 < size) bytes[place + 2] = digits >>> 16;
  }
}

/** The two's complement of the number that is there. */
function negate(bytes: Buffer, at: number, size: number): void {
  let carry = 1;
  for (let place = at; place < at + size; place += 1) {
    const value = (~bytes[place]! & 0xff) + carry;
    bytes[place] = value;
    carry = value >>> 8;
  }
}

/** Writes a whole number with a sign, the lowest byte first. */
export function writeInteger(bytes: Buffer, at: number, value: bigint, size: 16 | 32): void {
  for (let place = 0; place < size; place += 8) {
    bytes.writeBigUInt64LE(BigInt.asUintN(64, value >> BigInt(place * 8)), at + place);
  }
}
