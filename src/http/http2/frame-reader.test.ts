import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { FrameReader } from './frame-reader.ts';
import { clientPreface, ConnectionError, frameType, initialFrameBytesMax } from './frames.ts';
import { frameOf } from './raw-peer.fixture.ts';

/** The frames that the reader returned. DATA in parts is joined again. */
function readAll(pieces: readonly Buffer[]): string[] {
  const frames: string[] = [];
  let parts: Buffer[] = [];
  let head = '';
  const reader = new FrameReader({
    frame: (type, flags, streamId, bytes, from, to) => {
      frames.push(`${type} ${flags} ${streamId} ${bytes.toString('hex', from, to)}`);
    },
    dataBegins: (flags, streamId) => {
      parts = [];
      head = `${frameType.data} ${flags} ${streamId}`;
    },
    dataPart: (bytes, from, to, isLast) => {
      parts.push(Buffer.from(bytes.subarray(from, to)));
      if (isLast) frames.push(`${head} ${Buffer.concat(parts).toString('hex')}`);
    },
  });
  for (const piece of pieces) reader.read(piece);
  expect(reader.isWithinFrame).toBe(false);
  return frames;
}

test('frames are the same however the bytes are cut', () => {
  const frame = fc.record({
    type: fc.integer({ min: 0, max: 11 }),
    flags: fc.integer({ min: 0, max: 255 }),
    streamId: fc.integer({ min: 0, max: 0x7fff_ffff }),
    payload: fc.uint8Array({ maxLength: 60 }),
  });
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (frames, sizes) => {
        const bytes = Buffer.concat([
          clientPreface,
          ...frames.map(({ type, flags, streamId, payload }) =>
            frameOf(type, flags, streamId, payload),
          ),
        ]);
        const pieces: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length]!;
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        const wanted = frames.map(
          ({ type, flags, streamId, payload }) =>
            `${type} ${flags} ${streamId} ${Buffer.from(payload).toString('hex')}`,
        );
        expect(readAll([bytes])).toEqual(wanted);
        expect(readAll(pieces)).toEqual(wanted);
      },
    ),
  );
});

test('a payload has 16,384 bytes and no more (RFC 9113 §4.2)', () => {
  const whole = (length: number): Buffer[] => [
    clientPreface,
    frameOf(frameType.headers, 0, 1, Buffer.alloc(length)),
  ];
  expect(readAll(whole(initialFrameBytesMax))).toHaveLength(1);
  expect(() => readAll(whole(initialFrameBytesMax + 1))).toThrow(ConnectionError);
  // The frame header alone is enough to refuse it, whatever its type.
  const head = frameOf(frameType.data, 0, 1, Buffer.alloc(initialFrameBytesMax + 1)).subarray(0, 9);
  expect(() =>
    readAll([clientPreface, head.subarray(0, 4), head.subarray(4), Buffer.from('a')]),
  ).toThrow(ConnectionError);
});

test('what is no preface is refused at its first other byte', () => {
  for (let length = 1; length <= clientPreface.length; length += 1) {
    const other = Buffer.from(clientPreface.subarray(0, length));
    other[length - 1]! ^= 1;
    expect(() => readAll([other])).toThrow(ConnectionError);
  }
});
