/** Writes the protocol buffers wire format: https://protobuf.dev/programming-guides/encoding/ */
export class WireWriter {
  private buffer: Buffer;
  private position = 0;

  constructor(sizeHint: number) {
    this.buffer = Buffer.allocUnsafe(Math.max(sizeHint, 64));
  }

  /** A whole number from 0 to 2^53 - 1; 0 is the default and is not written. */
  number(field: number, value: number): void {
    if (value === 0) return;
    this.reserve(16);
    this.varint(field << 3);
    this.varint(value);
  }

  /** The empty string is the default and is not written. */
  string(field: number, text: string): void {
    if (text === '') return;
    this.reserve(text.length * 3 + 16);
    this.varint((field << 3) | 2);
    const lengthAt = this.position;
    this.position += 1;
    this.position += this.buffer.write(text, this.position);
    this.closeLength(lengthAt);
  }

  /** A message, written whole even when it is empty. */
  message(field: number, write: () => void): void {
    this.reserve(16);
    this.varint((field << 3) | 2);
    const lengthAt = this.position;
    this.position += 1;
    write();
    this.closeLength(lengthAt);
  }

  bytes(field: number, value: Uint8Array): void {
    this.reserve(value.length + 16);
    this.varint((field << 3) | 2);
    this.varint(value.length);
    this.buffer.set(value, this.position);
    this.position += value.length;
  }

  finish(): Buffer {
    return this.buffer.subarray(0, this.position);
  }

  /** One byte was kept for the length; a longer one moves what follows. */
  private closeLength(lengthAt: number): void {
    const length = this.position - lengthAt - 1;
    if (length < 128) {
      this.buffer[lengthAt] = length;
      return;
    }
    const extra = varintBytes(length) - 1;
    this.reserve(extra);
    this.buffer.copyWithin(lengthAt + 1 + extra, lengthAt + 1, this.position);
    const end = this.position + extra;
    this.position = lengthAt;
    this.varint(length);
    this.position = end;
  }

  private varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.buffer[this.position] = (rest % 128) | 128;
      this.position += 1;
      rest = Math.floor(rest / 128);
    }
    this.buffer[this.position] = rest;
    this.position += 1;
  }

  private reserve(bytes: number): void {
    if (this.position + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.position + bytes));
    this.buffer.copy(larger, 0, 0, this.position);
    this.buffer = larger;
  }
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) count += 1;
  return count;
}
