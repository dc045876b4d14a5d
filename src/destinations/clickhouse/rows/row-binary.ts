/*
 * Rows as bytes, in the order of their columns: https://clickhouse.com/docs/interfaces/formats/RowBinaryWithNamesAndTypes.
 * The server parses nothing, which takes two thirds of the CPU of an insert of text.
 */
import { writeDecimal, writeDigits, writeInteger, writeShortDecimal } from './wide-integers.ts';
import { RowWriter } from './row-writer.ts';
import { epochDay, readTicks, ticks, type Ticks } from './ticks.ts';

/** Longer texts are copied by the runtime, shorter ones here: a call costs more than their characters. */
const shortLength = 24;
/** The same for bytes. */
const copiedMin = 48;

export class BinaryRows extends RowWriter {
  none(): void {
    this.reserve(1);
    this.bytes[this.at] = 1;
    this.at += 1;
  }

  some(): void {
    this.reserve(1);
    this.bytes[this.at] = 0;
    this.at += 1;
  }

  text(value: string, isAscii: boolean): void {
    const { length } = value;
    // A character has at most three bytes here: a longer one is two of them.
    this.reserve(5 + 3 * length);
    if (!isAscii) {
      const size = Buffer.byteLength(value);
      this.count(size);
      this.at += this.bytes.write(value, this.at, 'utf8');
      return;
    }
    this.count(length);
    if (length > shortLength) {
      this.at += this.bytes.write(value, this.at, 'latin1');
      return;
    }
    const { bytes, at } = this;
    for (let index = 0; index < length; index += 1) bytes[at + index] = value.charCodeAt(index);
    this.at = at + length;
  }

  /** A text that is there as UTF-8 already. */
  copied(from: Buffer, start: number, end: number): void {
    const length = end - start;
    this.reserve(5 + length);
    this.count(length);
    const { bytes, at } = this;
    if (length > copiedMin) from.copy(bytes, at, start, end);
    else for (let index = 0; index < length; index += 1) bytes[at + index] = from[start + index]!;
    this.at = at + length;
  }

  /** As `uuid`, of a text that is there as bytes. */
  copiedUuid(from: Uint8Array, start: number, end: number): boolean {
    this.reserve(16);
    if (end - start !== uuidLength || !uuidFromBytes(this.bytes, this.at, from, start))
      return false;
    this.at += 16;
    return true;
  }

  /** A time that was read before. */
  ticks({ low, high }: Ticks): void {
    this.reserve(8);
    const { bytes, at } = this;
    this.at = bytes.writeInt32LE(high, bytes.writeUInt32LE(low, at));
  }

  /** A number of at most 15 digits: its digits without the point, and how many of them are behind it. */
  digits(mantissa: number, fraction: number, bytes: 16 | 32, scale: number): void {
    this.reserve(bytes);
    writeDigits(this.bytes, this.at, mantissa, fraction, bytes, scale);
    this.at += bytes;
  }

  /** How many columns or bytes follow: seven bits a byte, the lowest first. */
  count(size: number): void {
    this.reserve(5);
    let rest = size;
    while (rest > 0x7f) {
      this.bytes[this.at] = (rest & 0x7f) | 0x80;
      this.at += 1;
      rest >>>= 7;
    }
    this.bytes[this.at] = rest;
    this.at += 1;
  }

  uuid(value: string): boolean {
    this.reserve(16);
    if (!writeUuid(this.bytes, this.at, value)) return false;
    this.at += 16;
    return true;
  }

  time(value: string, digits: 3 | 9): void {
    this.reserve(8);
    readTicks(value, digits);
    this.bytes.writeUInt32LE(ticks.low, this.at);
    this.bytes.writeInt32LE(ticks.high, this.at + 4);
    this.at += 8;
  }

  date(value: string): void {
    this.reserve(4);
    this.at = this.bytes.writeInt32LE(epochDay(value, 0), this.at);
  }

  uint32(value: number): void {
    this.reserve(4);
    this.at = this.bytes.writeUInt32LE(value, this.at);
  }

  integer64(value: number | bigint): void {
    this.reserve(8);
    if (typeof value === 'bigint') {
      this.at = this.bytes.writeBigInt64LE(value, this.at);
      return;
    }
    this.bytes.writeUInt32LE(value >>> 0, this.at);
    this.at = this.bytes.writeInt32LE(Math.floor(value / 2 ** 32), this.at + 4);
  }

  integer256(value: bigint): void {
    this.reserve(32);
    writeInteger(this.bytes, this.at, value, 32);
    this.at += 32;
  }

  double(value: number): void {
    this.reserve(8);
    this.at = this.bytes.writeDoubleLE(value, this.at);
  }

  boolean(value: boolean): void {
    this.reserve(1);
    this.at = this.bytes.writeUInt8(Number(value), this.at);
  }

  decimal(value: string, bytes: 16 | 32, scale: number): void {
    this.reserve(bytes);
    writeDecimal(this.bytes, this.at, value, bytes, scale);
    this.at += bytes;
  }

  shortDecimal(value: number, bytes: 16 | 32, scale: number): boolean {
    this.reserve(bytes);
    if (!writeShortDecimal(this.bytes, this.at, value, bytes, scale)) return false;
    this.at += bytes;
    return true;
  }
}

/** The bytes of a UUID in the order of its text are at these places: two integers of 64 bits, the lowest byte first. */
const places = [7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8] as const;
/** Where the text has the two digits of each byte. */
const digitsAt = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const;
const uuidLength = 36;
const dash = 0x2d;

/** The value of each hexadecimal digit by its character; 0xff for any other. */
const digits = new Uint8Array(128).fill(0xff);
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  digits[digit.charCodeAt(0)] = value;
  digits[digit.toUpperCase().charCodeAt(0)] = value;
}

/** Returns false if the text is not a UUID. Then it may have written some of the bytes. */
export function writeUuid(bytes: Buffer, at: number, text: string): boolean {
  if (text.length !== uuidLength) return false;
  for (const place of [8, 13, 18, 23]) if (text.charCodeAt(place) !== dash) return false;
  for (let index = 0; index < places.length; index += 1) {
    const place = digitsAt[index]!;
    const high = digits[text.charCodeAt(place)] ?? 0xff;
    const low = digits[text.charCodeAt(place + 1)] ?? 0xff;
    if (high === 0xff || low === 0xff) return false;
    bytes[at + places[index]!] = (high << 4) | low;
  }
  return true;
}

function uuidFromBytes(bytes: Buffer, at: number, from: Uint8Array, start: number): boolean {
  for (const place of [8, 13, 18, 23]) if (from[start + place] !== dash) return false;
  for (let index = 0; index < places.length; index += 1) {
    const place = start + digitsAt[index]!;
    const high = digits[from[place]!] ?? 0xff;
    const low = digits[from[place + 1]!] ?? 0xff;
    if (high === 0xff || low === 0xff) return false;
    bytes[at + places[index]!] = (high << 4) | low;
  }
  return true;
}

/** What an insert begins with. The server refuses it if a column of the table has another type. */
export function binaryHead(columns: readonly (readonly [name: string, type: string])[]): Buffer {
  const head = new BinaryRows();
  head.count(columns.length);
  for (const [name] of columns) head.text(name, false);
  for (const [, type] of columns) head.text(type, false);
  const { bytes, start, end } = head.finish();
  return bytes.subarray(start, end);
}
