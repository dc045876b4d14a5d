import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from 'vitest';

import { WireError, WireReader } from './wire-reader.ts';
import { WireWriter } from '../answer/wire-writer.ts';

const numbers = [1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
const lengths = [0, 1, 127, 128, 16_383, 16_384, 2 ** 21 - 1, 2 ** 21];

describe('WireWriter', () => {
  test.each(numbers)('writes the number %d as protobuf-es does', (value) => {
    const writer = new WireWriter(0);
    writer.number(3, value);
    const expected = new BinaryWriter().tag(3, WireType.Varint).uint64(BigInt(value)).finish();
    expect([...writer.finish()]).toEqual([...expected]);
  });

  test.each(lengths.slice(1))('writes a string, bytes and a message of %d bytes', (length) => {
    const text = 'é'.repeat(length >> 1) + 'x'.repeat(length & 1);
    const writer = new WireWriter(0);
    writer.string(1, text);
    writer.bytes(2, Buffer.from(text));
    writer.message(3, () => writer.bytes(1, Buffer.alloc(length)));
    const expected = new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .string(text)
      .tag(2, WireType.LengthDelimited)
      .bytes(Buffer.from(text))
      .tag(3, WireType.LengthDelimited)
      .fork()
      .tag(1, WireType.LengthDelimited)
      .bytes(new Uint8Array(length))
      .join()
      .finish();
    expect(writer.finish().equals(expected)).toBe(true);
  });

  test('leaves out defaults, but not an empty message', () => {
    const writer = new WireWriter(0);
    writer.number(1, 0);
    writer.string(2, '');
    writer.message(3, () => {});
    expect([...writer.finish()]).toEqual([0x1a, 0x00]);
  });
});

describe('WireReader', () => {
  test.each(numbers)('reads the number %d', (value) => {
    const bytes = Buffer.from(new BinaryWriter().uint64(BigInt(value)).finish());
    expect(Number(new WireReader(bytes).int64())).toBe(value);
    expect(new WireReader(bytes).uint32()).toBe(Number(BigInt.asUintN(32, BigInt(value))));
  });

  test.each([-1n, -(2n ** 63n), 2n ** 63n - 1n])('reads the 64-bit number %d', (value) => {
    const bytes = Buffer.from(new BinaryWriter().int64(value).finish());
    expect(new WireReader(bytes).int64()).toBe(value);
    expect(new BinaryReader(bytes).int64()).toBe(value);
  });

  test.each(lengths)('reads a string of %d bytes, and refuses it one byte short', (length) => {
    const bytes = Buffer.from(new BinaryWriter().string('x'.repeat(length)).finish());
    expect(new WireReader(bytes).string().length).toBe(length);
    const reader = new WireReader(bytes.subarray(0, bytes.length - 1));
    expect(() => reader.string()).toThrow(WireError);
  });

  test('finds a name again, and never takes one for another', () => {
    const names = [
      'order_completed',
      'order_compl\u00e9t',
      'abc',
      'axc',
      'ab',
      'a',
      '',
      'é'.repeat(20),
      'n'.repeat(41),
    ];
    for (let round = 0; round < 3; round += 1) {
      for (const name of names) {
        const bytes = Buffer.from(new BinaryWriter().string(name).string('after').finish());
        const reader = new WireReader(bytes);
        expect(reader.name()).toBe(name);
        expect(reader.string()).toBe('after');
      }
    }
    const bad = Buffer.from([2, 0xc3, 0x28]);
    for (let round = 0; round < 2; round += 1) {
      expect(() => new WireReader(bad).name()).toThrow('not UTF-8');
    }
    // A name that is kept must not change with the buffer that it came in.
    const shared = Buffer.from(new BinaryWriter().string('kept').finish());
    expect(new WireReader(shared).name()).toBe('kept');
    shared.write('lost', 1);
    expect(new WireReader(shared).name()).toBe('lost');
    expect(new WireReader(Buffer.from('\u0004kept')).name()).toBe('kept');
  });

  test('never reads beyond the message it is in', () => {
    const reader = new WireReader(Buffer.from([2, 0x0a, 0x05, 1, 2, 3, 4, 5]));
    const outerEnd = reader.enter();
    expect(reader.tag()).toBe(0x0a);
    expect(() => reader.string()).toThrow('cut short');
    reader.leave(outerEnd);
    expect(reader.position).toBe(3);
    for (const [tag, bytes] of [
      [0x09, 7],
      [0x0d, 3],
      [0x0a, 0],
      [0x08, 0],
    ] as const) {
      expect(() => new WireReader(Buffer.alloc(bytes)).skip(tag)).toThrow(WireError);
    }
  });
});
