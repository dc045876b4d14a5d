import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { findFrame, frameEnd, frameHeaderBytes, writeFrame } from './frame.ts';

/** A payload like the spool's: a text with a length prefix. */
function payloadOf(length: number): Buffer {
  const text = Buffer.alloc(length, 'x');
  const prefix = length < 128 ? [length] : [(length % 128) | 128, length >> 7];
  return Buffer.concat([Buffer.from(prefix), text]);
}

function frameOf(length: number): Buffer {
  const payload = payloadOf(length);
  const frame = Buffer.alloc(frameHeaderBytes + payload.length);
  expect(writeFrame(frame, 0, payload)).toBe(frame.length);
  return frame;
}

test('frameEnd returns the end of each frame', () => {
  const bytes = Buffer.concat([frameOf(10), frameOf(200)]);
  const first = frameEnd(bytes, 0) as number;
  expect(first).toBe(frameOf(10).length);
  expect(frameEnd(bytes, first)).toBe(bytes.length);
});

test('a truncated frame is short, wherever it is cut', () => {
  const frame = frameOf(200);
  for (let length = 0; length < frame.length; length += 1) {
    expect(frameEnd(frame.subarray(0, length), 0)).toBe('short');
  }
});

test('the zeros that a power cut leaves are damage', () => {
  expect(frameEnd(Buffer.alloc(64), 0)).toBe('damaged');
});

test('any changed byte is detected, and the next frame is found', () => {
  const frame = frameOf(100);
  const bytes = Buffer.concat([frame, frameOf(60)]);
  fc.assert(
    fc.property(fc.nat(frame.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Buffer.from(bytes);
      damaged[at] = damaged[at]! ^ change;
      expect(frameEnd(damaged, 0)).not.toBe(frame.length);
      expect(findFrame(damaged, 1)).toBe(frame.length);
    }),
  );
});

test('noise contains no frame', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 2_000 }), (noise) => {
      expect(findFrame(Buffer.from(noise), 0)).toBe(-1);
    }),
  );
});
