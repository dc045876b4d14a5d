import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { clientPreface, connectionFrame, frameFlag, frameType, settingId } from './frames.ts';
import {
  block,
  data,
  frameOf,
  openRawServer,
  request,
  requestFields,
  setting,
  uint32,
} from './raw-peer.fixture.ts';

const lastPing = Buffer.from('the last');

/**
 * Writes frames one after the other. `newId` and `oldId` return stream ids as a valid peer would
 * use them.
 */
type Step = (ids: { newId(): number; oldId(): number }) => Buffer[];

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((each) => Buffer.from(each));
const anyId = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(2 ** 31 - 1, 1001));
const whole = block([...requestFields, ['content-type', 'application/grpc']]);

const soundSteps: fc.Arbitrary<Step>[] = [
  fc.boolean().map((isEnd) => ({ newId }) => [request(newId(), isEnd)]),
  fc.integer({ min: 0, max: whole.length }).map((cut) => ({ newId }) => {
    const id = newId();
    return [
      frameOf(frameType.headers, 0, id, whole.subarray(0, cut)),
      frameOf(frameType.continuation, frameFlag.endHeaders, id, whole.subarray(cut)),
    ];
  }),
  fc.tuple(bytes(300), fc.boolean()).map(([body, isEnd]) => ({ oldId }) => [
    data(oldId(), body, isEnd),
  ]),
  fc.constant(({ newId }) => {
    const id = newId();
    return [request(id, false), request(id, true, [['x-sum', '1']])];
  }),
  fc.nat(20).map((code) => ({ oldId }) => [
    frameOf(frameType.resetStream, 0, oldId(), uint32(code)),
  ]),
  fc.nat(100_000).map((size) => ({ oldId }) => [
    frameOf(frameType.windowUpdate, 0, 0, uint32(size + 1)),
    frameOf(frameType.windowUpdate, 0, oldId(), uint32(size + 1)),
  ]),
  fc
    .nat(70_000)
    .map((size) => () => [
      frameOf(frameType.settings, 0, 0, setting(settingId.initialWindowSize, size)),
    ]),
  fc
    .nat(5000)
    .map((size) => () => [
      frameOf(frameType.settings, 0, 0, setting(settingId.headerTableSize, size)),
    ]),
  fc.constant(() => [frameOf(frameType.ping, 0, 0, Buffer.alloc(8))]),
];

const brokenSteps: fc.Arbitrary<Step>[] = [
  fc.constant(({ oldId }) => [request(oldId(), true, [['x-sum', '1']])]),
  fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => ({ newId }) => {
    const changed = Buffer.from(whole);
    changed[at % changed.length] = byte;
    return [frameOf(frameType.headers, 5, newId(), changed)];
  }),
  bytes(60).map((each) => ({ newId }) => [frameOf(frameType.headers, 5, newId(), each)]),
  fc.tuple(fc.nat(12), fc.nat(255), anyId, bytes(60)).map(([type, flags, id, payload]) => () => [
    frameOf(type, flags, id, payload),
  ]),
  bytes(40).map((each) => () => [each]),
];

const steps = fc.array(
  fc.oneof(
    { weight: 40, arbitrary: fc.oneof(...soundSteps) },
    { weight: 2, arbitrary: fc.oneof(...brokenSteps) },
  ),
  { minLength: 1, maxLength: 60 },
);

function written(all: readonly Step[]): Buffer {
  let last = 5;
  let turn = 0;
  const ids = {
    newId: () => (last += 2),
    oldId: () => last - 2 * ((turn += 1) % 3),
  };
  const open = [1, 3, 5].map((streamId) => request(streamId, false));
  return Buffer.concat([...open, ...all.flatMap((step) => step(ids))]);
}

test(
  'no bytes make the server throw, hang or hold on to anything',
  { timeout: 120_000 },
  async () => {
    let begun = 0;
    let answered = 0;
    let inProgress = 0;
    await using server = await openRawServer((stream) => {
      begun += 1;
      inProgress += 1;
      stream.whenClosed(() => {
        inProgress -= 1;
        if (!stream.isAborted) answered += 1;
      });
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
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 2000 }), async (all, size) => {
        const peer = await server.connect();
        const start = [clientPreface, connectionFrame(frameType.settings, 0, Buffer.alloc(0))];
        const sent = Buffer.concat([...start, written(all)]);
        for (let at = 0; at < sent.length; at += size) peer.send(sent.subarray(at, at + size));
        // The server reads this, unless it has ended the connection or waits for the rest of a
        // frame.
        peer.send(frameOf(frameType.ping, 0, 0, lastPing));
        const heard = peer.next(
          ({ type, payload }) => type === frameType.ping && payload.equals(lastPing),
        );
        await Promise.race([
          heard.catch(() => {}),
          new Promise((resolve) => setTimeout(resolve, 20)),
        ]);
        peer.socket.end();
        await peer.closed();
        expect(server.faults).toEqual([]);
      }),
      { numRuns: 400 },
    );
    expect([server.server.connections, inProgress]).toEqual([0, 0]);
    // The bytes are similar enough to valid frames to reach the deeper code.
    expect(begun).toBeGreaterThan(1000);
    expect(answered).toBeGreaterThan(100);
  },
);
