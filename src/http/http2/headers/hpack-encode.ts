import { currentDate } from '../../current-date.ts';
import { staticTable } from './static-table.ts';

/** The fields of an answer, with names in lower case. */
export type FieldRecord = Readonly<Record<string, string | number | readonly string[]>>;

interface EncodedName {
  /** The encoded start of the field, up to its value. */
  readonly bytes: Buffer;
  /**
   * The last short value, and the whole encoded field: most fields have the same value each time.
   */
  value: string;
  field: Buffer;
}

const namesMax = 500;
const rememberedValueMax = 32;
/** The most bytes that the lengths of a name and a value, and the index of a name, need. */
const fieldSpareBytes = 16;
const numberCharactersMax = 24;
const noBytes = Buffer.alloc(0);

/**
 * Encodes header blocks (RFC 7541), with names from the static table and values as plain text. It
 * never adds to the dynamic table, so a block depends on no earlier block and the answers of all
 * connections share the encoded fields.
 */
export class HpackEncoder {
  private readonly names = new Map<string, EncodedName>();
  private readonly date: Record<string, string> = { date: '' };

  /**
   * Returns an upper bound of the bytes that `write` needs. Throws a TypeError for text that a
   * field may not hold.
   */
  check(fields: FieldRecord): number {
    let bytes = 0;
    for (const name in fields) {
      const value = fields[name]!;
      if (!this.names.has(name)) this.addName(name);
      if (typeof value === 'string') bytes += name.length + this.checkValue(name, value);
      else if (typeof value === 'number')
        bytes += name.length + fieldSpareBytes + numberCharactersMax;
      else for (const each of value) bytes += name.length + this.checkValue(name, each);
    }
    return bytes;
  }

  private checkValue(name: string, value: string): number {
    if (this.names.get(name)?.value !== value && !valuePattern.test(value)) {
      throw new TypeError(`The value of "${name}" is none of HTTP/2`);
    }
    return value.length + fieldSpareBytes;
  }

  /** Writes `:status`. Returns the end position. */
  writeStatus(target: Buffer, at: number, status: number): number {
    const indexed = statusIndex(status);
    if (indexed !== 0) {
      target[at] = 0x80 | indexed;
      return at + 1;
    }
    target[at] = 0x08;
    target[at + 1] = 3;
    return at + 2 + target.write(String(status), at + 2, 'latin1');
  }

  /** Writes `date` (RFC 9110 §6.6.1), unless the application has set it. */
  writeDate(target: Buffer, at: number, fields: FieldRecord): number {
    if (fields['date'] !== undefined) return at;
    this.date['date'] = currentDate();
    return this.write(target, at, this.date);
  }

  /** Writes fields that were checked before. Returns the end position. */
  write(target: Buffer, at: number, fields: FieldRecord): number {
    let end = at;
    for (const name in fields) {
      const value = fields[name]!;
      const encoded = this.names.get(name) ?? this.addName(name);
      if (typeof value === 'string') end = writeField(target, end, encoded, value);
      else if (typeof value === 'number') end = writeField(target, end, encoded, String(value));
      else for (const each of value) end = writeField(target, end, encoded, each);
    }
    return end;
  }

  private addName(name: string): EncodedName {
    if (!namePattern.test(name)) throw new TypeError(`"${name}" is no name of a field of HTTP/2`);
    const index = staticTable().indexOf.get(name) ?? 0;
    const bytes = Buffer.alloc(name.length + 10);
    let end = writeInteger(bytes, 0, 0x00, 0x0f, index);
    if (index === 0) {
      end = writeInteger(bytes, end, 0x00, 0x7f, name.length);
      end += bytes.write(name, end, 'latin1');
    }
    const encoded = { bytes: bytes.subarray(0, end), value: '', field: noBytes };
    // Names come from our own code. The limit matters only if callers could ever choose them.
    if (this.names.size < namesMax) this.names.set(name, encoded);
    return encoded;
  }
}

/** In lower case. Pseudo-headers are written separately. */
const namePattern = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** As Node checks it: Latin-1 without control characters. */
const valuePattern = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

function writeField(target: Buffer, at: number, encoded: EncodedName, value: string): number {
  if (value === encoded.value && encoded.field.length > 0) {
    target.set(encoded.field, at);
    return at + encoded.field.length;
  }
  target.set(encoded.bytes, at);
  let end = writeInteger(target, at + encoded.bytes.length, 0x00, 0x7f, value.length);
  end += target.write(value, end, 'latin1');
  if (value.length <= rememberedValueMax) {
    encoded.value = value;
    encoded.field = Buffer.from(target.subarray(at, end));
  }
  return end;
}

/** RFC 7541 §5.1: `mask` covers the prefix, `pattern` holds the bits before it. */
export function writeInteger(
  target: Uint8Array,
  at: number,
  pattern: number,
  mask: number,
  value: number,
): number {
  if (value < mask) {
    target[at] = pattern | value;
    return at + 1;
  }
  target[at] = pattern | mask;
  let rest = value - mask;
  let end = at + 1;
  while (rest >= 0x80) {
    target[end] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
    end += 1;
  }
  target[end] = rest;
  return end + 1;
}

/** The index of a complete `:status` field. 0 if the table has none. */
function statusIndex(status: number): number {
  switch (status) {
    case 200:
      return 8;
    case 204:
      return 9;
    case 206:
      return 10;
    case 304:
      return 11;
    case 400:
      return 12;
    case 404:
      return 13;
    case 500:
      return 14;
    default:
      return 0;
  }
}
