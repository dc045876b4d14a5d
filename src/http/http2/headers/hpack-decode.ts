import { fieldName, type FieldName } from './field-names.ts';
import { ConnectionError, errorCode } from '../frames.ts';
import { decodeHuffman, huffmanBytesMax } from './huffman.ts';
import { Field, staticTable, staticTableEnd, type StaticTable } from './static-table.ts';

/** Receives the fields of a block, one after the other. */
export interface FieldSink {
  add(field: Field): void;
}

/**
 * The size of the dynamic table that we allow the peer's encoder: the protocol's default (RFC 9113
 * §6.5.2).
 */
const tableBytesMax = 4096;
/** RFC 7541 §4.1 */
export const fieldOverheadBytes = 32;

/**
 * Decodes header blocks: https://www.rfc-editor.org/rfc/rfc7541. Each connection has its own
 * decoder, because every block may change the meaning of the next one. Throws a ConnectionError
 * (COMPRESSION_ERROR) for a block that cannot be decoded.
 */
export class HpackDecoder {
  private readonly table: StaticTable = staticTable();
  /** A ring buffer: the newest entry is at `newest`, and it holds `count` entries. */
  private readonly ring: Field[] = [];
  private readonly slots = tableBytesMax / fieldOverheadBytes;
  private newest = 0;
  private count = 0;
  private bytesHeld = 0;
  private bytesMax = tableBytesMax;
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;
  private end = 0;
  /** The buffer and the range of the last string. */
  private textBytes: Buffer = this.bytes;
  private textFrom = 0;
  private textTo = 0;
  /**
   * Changes with every change to the dynamic table. While it is the same, the same bytes have the
   * same meaning.
   */
  version = 0;

  /** Decodes `bytes[from, to)`, a whole block. */
  decode(bytes: Buffer, from: number, to: number, sink: FieldSink): void {
    this.bytes = bytes;
    this.at = from;
    this.end = to;
    let mayResize = true;
    while (this.at < to) {
      const first = bytes[this.at]!;
      if (first >= 0x80) {
        sink.add(this.fieldAt(this.readInteger(0x7f)));
      } else if (first >= 0x40) {
        const field = this.readLiteral(0x3f);
        this.insert(field);
        sink.add(field);
      } else if (first >= 0x20) {
        // RFC 7541 §4.2: allowed only at the beginning of a block.
        if (!mayResize) throw broken('a table size update stands among fields');
        this.resize(this.readInteger(0x1f));
        continue;
      } else sink.add(this.readLiteral(0x0f));
      mayResize = false;
    }
    this.bytes = noBytes;
  }

  private readLiteral(mask: number): Field {
    const index = this.readInteger(mask);
    const name = index === 0 ? this.readName() : this.fieldAt(index).name;
    this.readText();
    const { textBytes, textFrom, textTo } = this;
    return new Field(
      name,
      textBytes.toString('latin1', textFrom, textTo),
      isValid(textBytes, textFrom, textTo),
    );
  }

  private readName(): FieldName {
    this.readText();
    const { textBytes, textFrom, textTo } = this;
    const known = this.table.names.find(textBytes, textFrom, textTo);
    return known ?? fieldName(textBytes.toString('latin1', textFrom, textTo));
  }

  /** RFC 7541 §5.2 */
  private readText(): void {
    if (this.at >= this.end) throw broken('a string is cut short');
    const isHuffman = this.bytes[this.at]! >= 0x80;
    const length = this.readInteger(0x7f);
    const from = this.at;
    const to = from + length;
    if (to > this.end) throw broken('a string is cut short');
    this.at = to;
    if (!isHuffman) {
      this.textBytes = this.bytes;
      this.textFrom = from;
      this.textTo = to;
      return;
    }
    const room = huffmanBytesMax(length);
    if (decoded.length < room) decoded = Buffer.allocUnsafeSlow(Math.max(room, 4096));
    const written = decodeHuffman(this.bytes, from, to, decoded);
    if (written < 0) throw broken('a Huffman code is broken');
    this.textBytes = decoded;
    this.textFrom = 0;
    this.textTo = written;
  }

  /** RFC 7541 §5.1. Every valid number is below 2^21, because a block is shorter. */
  private readInteger(mask: number): number {
    const { bytes, end } = this;
    const prefix = bytes[this.at]! & mask;
    this.at += 1;
    if (prefix < mask) return prefix;
    let value = prefix;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.at >= end) throw broken('a number is cut short');
      const next = bytes[this.at]!;
      this.at += 1;
      value += (next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
    throw broken('a number is too large');
  }

  private fieldAt(index: number): Field {
    if (index < staticTableEnd) {
      const field = this.table.fields[index];
      if (field === undefined) throw broken('there is no field 0');
      return field;
    }
    const back = index - staticTableEnd;
    if (back >= this.count) throw broken(`there is no field ${index}`);
    return this.ring[(this.newest + this.slots - back) % this.slots]!;
  }

  /** RFC 7541 §4.4: an entry larger than the table empties it. */
  private insert(field: Field): void {
    const size = field.name.text.length + field.value.length + fieldOverheadBytes;
    this.version += 1;
    this.evict(this.bytesMax - size);
    if (size > this.bytesMax) return;
    this.newest = (this.newest + 1) % this.slots;
    this.ring[this.newest] = field;
    this.count += 1;
    this.bytesHeld += size;
  }

  private evict(bytesLeft: number): void {
    while (this.count > 0 && this.bytesHeld > bytesLeft) {
      const oldest = this.ring[(this.newest + this.slots - this.count + 1) % this.slots]!;
      this.bytesHeld -= oldest.name.text.length + oldest.value.length + fieldOverheadBytes;
      this.count -= 1;
    }
  }

  private resize(bytesMax: number): void {
    if (bytesMax > tableBytesMax) throw broken(`a table of ${bytesMax} bytes was not offered`);
    this.version += 1;
    this.bytesMax = bytesMax;
    this.evict(bytesMax);
  }
}

const noBytes = Buffer.alloc(0);

/** Holds a decoded Huffman string until it is converted to a JavaScript string. */
let decoded = noBytes;

function broken(why: string): ConnectionError {
  return new ConnectionError(errorCode.compressionError, why);
}

/** RFC 9113 §8.2.1: a value may not contain NUL, CR or LF. */
function isValid(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at]!;
    if (byte < 0x0e && (byte === 0 || byte === 0x0a || byte === 0x0d)) return false;
  }
  return true;
}
