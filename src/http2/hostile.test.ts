import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { clientPreface, connectionFrame, frameType } from './frames.ts';
import { block, frameOf, openRawServer, requestFields } from './raw-peer.fixture.ts';

const streamId = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(2 ** 31 - 1, 1001));
const flags = fc.oneof(fc.constantFrom(0, 1, 4, 5), fc.integer({ min: 0, max: 255 }));

const soundBlock = fc.constant(block([...requestFields, ['content-type', 'application/grpc']]));
/** Nearly right: a sound one with one byte changed. */
const mendedBlock = fc.tuple(soundBlock, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([bytes, at, byte]) => {
  const changed = Buffer.from(bytes);
  changed[at % changed.length] = byte;
  return changed;
});
const anyBytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));

const frame = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant(frameType.headers), flags, streamId, fc.oneof(soundBlock, mendedBlock, anyBytes(40))) },
  { weight: 3, arbitrary: fc.tuple(fc.constant(frameType.data), flags, streamId, anyBytes(60)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant(frameType.continuation), flags, streamId, fc.oneof(soundBlock, anyBytes(40))) },
  { weight: 1, arbitrary: fc.tuple(fc.constant(frameType.settings), fc.constantFrom(0, 1), fc.constant(0),
    fc.array(fc.tuple(fc.integer({ min: 0, max: 7 }), fc.nat()), { maxLength: 3 }).map((all) =>
      Buffer.concat(all.map(([id, value]) => {
        const bytes = Buffer.alloc(6);
        bytes.writeUInt16BE(id);
        bytes.writeUInt32BE(value, 2);
        return bytes;
      })),
    )) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(frameType.windowUpdate, frameType.resetStream), fc.constant(0), streamId, fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes))) },
  { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 0, max: 12 }), flags, streamId, anyBytes(20)) },
);

/** Each run: frames, most of them nearly right, in pieces of any size, then what the server is left with. */
test('no bytes make the server throw, hang or hold on to a connection', { timeout: 120_000 }, async () => {
  let underWay = 0;
  await using server = await openRawServer((stream) => {
    underWay += 1;
    stream.whenClosed(() => (underWay -= 1));
    stream.receive({
      chunk: () => {},
      end: () => {
        stream.respond(200, { 'content-type': 'application/grpc' });
        stream.end(Buffer.alloc(stream.id % 3 === 0 ? 100_000 : 10), { 'grpc-status': '0' });
      },
      cut: () => {},
    });
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { maxLength: 30 }),
      fc.integer({ min: 1, max: 300 }),
      fc.boolean(),
      async (frames, size, isRaw) => {
        const peer = await server.connect();
        const start = isRaw ? [] : [clientPreface, connectionFrame(frameType.settings, 0, Buffer.alloc(0))];
        const bytes = Buffer.concat([...start, ...frames.map((each) => frameOf(...(each as Parameters<typeof frameOf>)))]);
        for (let at = 0; at < bytes.length; at += size) peer.send(bytes.subarray(at, at + size));
        peer.socket.end();
        await peer.closed();
        expect(server.faults).toEqual([]);
      },
    ),
    { numRuns: 400 },
  );
  expect([server.server.connections, underWay]).toEqual([0, 0]);
});
