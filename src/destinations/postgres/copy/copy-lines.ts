import type { ColumnValue } from '../../tables/fit-value.ts';

const copyDataCode = 0x64;
const copyDoneCode = 0x63;
const lengthBytes = 4;
const headBytes = 1 + lengthBytes;
const [tab, lineFeed, backslash, letterN] = [0x09, 0x0a, 0x5c, 0x4e];
/** Longer pieces are copied by the runtime, shorter ones here: a call costs more than their bytes. */
const copiedMin = 48;

const special = /[\\\t\n\r]/;
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};

/**
 * Writes rows as `COPY` reads text: a line for each row, a tab between columns ("File Formats" of `COPY` in PostgreSQL's
 * manual). PostgreSQL reads each value by the type of its column, as it does the arrays of `INSERT`. Its binary format
 * saves the server a twentieth, and refuses a column whose type somebody has changed.
 */
export class CopyLines {
  private bytes: Buffer;
  /** After the head of the message, which is written last. */
  private at = headBytes;

  /** @param size expected. */
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(headBytes + size + headBytes);
  }

  /** A column without a value. */
  none(): void {
    this.reserve(3);
    const { bytes, at } = this;
    bytes[at] = backslash;
    bytes[at + 1] = letterN;
    bytes[at + 2] = tab;
    this.at = at + 3;
  }

  /** A value by its text. */
  value(value: ColumnValue | undefined): void {
    if (value === null || value === undefined) return this.none();
    const text = String(value);
    this.text(
      typeof value === 'string' && special.test(text)
        ? text.replaceAll(/[\\\t\n\r]/g, (character) => escapes[character]!)
        : text,
    );
  }

  private text(text: string): void {
    // A character has at most three bytes: a longer one is two of them.
    this.reserve(3 * text.length + 1);
    this.at += this.bytes.write(text, this.at);
    this.bytes[this.at] = tab;
    this.at += 1;
  }

  /** UTF-8 without a backslash or a control character, as it is. */
  copied(from: Buffer, start: number, end: number): void {
    const length = end - start;
    this.reserve(length + 1);
    const { bytes, at } = this;
    if (length > copiedMin) from.copy(bytes, at, start, end);
    else for (let index = 0; index < length; index += 1) bytes[at + index] = from[start + index]!;
    bytes[at + length] = tab;
    this.at = at + length + 1;
  }

  /** JSON without spaces: a backslash is all that it may have of what `COPY` reads in another way. */
  json(from: Buffer, start: number, end: number): void {
    this.reserve(2 * (end - start) + 1);
    const { bytes } = this;
    let { at } = this;
    for (let index = start; index < end; index += 1) {
      const byte = from[index]!;
      bytes[at] = byte;
      at += 1;
      if (byte !== backslash) continue;
      bytes[at] = backslash;
      at += 1;
    }
    bytes[at] = tab;
    this.at = at + 1;
  }

  /** In place of the tab after the last column. */
  endLine(): void {
    this.bytes[this.at - 1] = lineFeed;
  }

  /** Where the next line begins. */
  place(): number {
    return this.at;
  }

  /** Takes back what was written since. */
  cut(place: number): void {
    this.at = place;
  }

  /** The messages `CopyData` and `CopyDone`. */
  finish(): Buffer {
    this.reserve(headBytes);
    const { bytes, at } = this;
    bytes.writeUInt8(copyDataCode);
    // The length counts itself.
    bytes.writeInt32BE(at - 1, 1);
    bytes.writeUInt8(copyDoneCode, at);
    bytes.writeInt32BE(lengthBytes, at + 1);
    return bytes.subarray(0, at + headBytes);
  }

  private reserve(size: number): void {
    if (this.at + size > this.bytes.length) this.grow(size);
  }

  private grow(size: number): void {
    const larger = Buffer.allocUnsafeSlow(2 * (this.at + size));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}
