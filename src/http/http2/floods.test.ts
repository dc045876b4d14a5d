import { describe, expect, test } from 'vitest';

import { errorCode, frameFlag, frameType } from './frames.ts';
import { fieldOverheadBytes } from './headers/hpack-decode.ts';
import {
  block,
  codeOf,
  data,
  fieldsOf,
  frameOf,
  openRawServer,
  request,
  requestFields,
  settled,
  uint32,
  type RawPeer,
} from './raw-peer.fixture.ts';
import type { Http2Stream } from './stream.ts';

const {
  data: dataType,
  headers,
  resetStream,
  goAway,
  settings,
  ping,
  windowUpdate,
  priority,
  continuation,
} = frameType;
const empty = Buffer.alloc(0);

function answer(stream: Http2Stream): void {
  stream.receive({ chunk: () => {}, end: () => {}, cut: () => {} });
  stream.respond(200, {});
  stream.end(Buffer.from('ok'));
}

/** Whether the request gets its answer, or the connection ends, and with which code. */
async function outcome(peer: RawPeer): Promise<number | 'served'> {
  const frame = await peer.next(({ type }) => type === dataType || type === goAway);
  return frame.type === dataType ? 'served' : codeOf(frame);
}

const cancel = (streamId: number): Buffer =>
  frameOf(resetStream, 0, streamId, uint32(errorCode.cancel));

describe('streamsMax', () => {
  test('one more is refused, and is served once another has ended', async () => {
    const asked: Http2Stream[] = [];
    await using server = await openRawServer((stream) => asked.push(stream), { streamsMax: 2 });
    const peer = await server.handshake();
    peer.send(request(1, true), request(3, true), request(5, true));
    expect(codeOf(await peer.nextOf(resetStream, 5))).toBe(errorCode.refusedStream);
    expect(asked).toHaveLength(2);
    answer(asked[0]!);
    await peer.nextOf(dataType, 1);
    peer.send(request(7, true));
    await settled(peer);
    expect(asked.map(({ id }) => id)).toEqual([1, 3, 7]);
  });

  test('a reset frees no place before the application is done (CVE-2023-44487)', async () => {
    const asked: Http2Stream[] = [];
    await using server = await openRawServer((stream) => asked.push(stream), { streamsMax: 2 });
    const peer = await server.handshake();
    for (let streamId = 1; streamId < 200; streamId += 2)
      peer.send(request(streamId, true), cancel(streamId));
    await settled(peer);
    expect(asked.map(({ id }) => id)).toEqual([1, 3]);
    for (const stream of asked) answer(stream);
    peer.send(request(201, true));
    await settled(peer);
    expect(asked.at(-1)!.id).toBe(201);
  });

  test('an incomplete request ends with its reset', async () => {
    const asked: Http2Stream[] = [];
    await using server = await openRawServer(
      (stream) => {
        asked.push(stream);
        stream.receive({ chunk: () => {}, end: () => {}, cut: () => {} });
      },
      { streamsMax: 1 },
    );
    const peer = await server.handshake();
    peer.send(request(1, false), cancel(1), request(3, false), cancel(3), request(5, false));
    await settled(peer);
    expect(asked.map(({ id }) => id)).toEqual([1, 3, 5]);
  });
});

describe('resetsBurst', () => {
  const limits = { resetsBurst: 10, resetsPerSecond: 0 };

  async function ending(peer: RawPeer): Promise<number> {
    const code = codeOf(await peer.nextOf(goAway));
    await peer.closed();
    return code;
  }

  test('one reset more by the peer ends the connection', async () => {
    await using server = await openRawServer(() => {}, limits);
    const peer = await server.handshake();
    let streamId = 1;
    for (; streamId < 21; streamId += 2) peer.send(request(streamId, true), cancel(streamId));
    await settled(peer);
    peer.send(request(streamId, true), cancel(streamId));
    expect(await ending(peer)).toBe(errorCode.enhanceYourCalm);
  });

  test.each<[string, (streamId: number) => Buffer[]]>([
    ['malformed requests', (streamId) => [request(streamId, true, [[':path', '/']])]],
    [
      'WINDOW_UPDATE of 0',
      (streamId) => [request(streamId, true), frameOf(windowUpdate, 0, streamId, uint32(0))],
    ],
    ['DATA after the end', (streamId) => [request(streamId, true), data(streamId, 'a')]],
    [
      'more DATA than announced',
      (streamId) => [
        request(streamId, false, [...requestFields, ['content-length', '1']]),
        data(streamId, 'ab'),
      ],
    ],
  ])('and so do resets of ours that it provokes (CVE-2025-8671): %s', async (_name, frames) => {
    await using server = await openRawServer(
      (stream) => stream.receive({ chunk() {}, end() {}, cut() {} }),
      limits,
    );
    const peer = await server.handshake();
    let streamId = 1;
    for (; streamId < 21; streamId += 2) peer.send(...frames(streamId));
    await settled(peer);
    peer.send(...frames(streamId));
    expect(await ending(peer)).toBe(errorCode.enhanceYourCalm);
  });

  test('answers that are taken earn them back', async () => {
    await using server = await openRawServer(
      (stream) => (stream.id % 4 === 1 ? answer(stream) : undefined),
      limits,
    );
    const peer = await server.handshake();
    for (let streamId = 1; streamId < 200; streamId += 4) {
      peer.send(request(streamId, true));
      await peer.nextOf(dataType, streamId);
      peer.send(request(streamId + 2, true), cancel(streamId + 2));
    }
    await settled(peer);
    expect(peer.seen.some(({ type }) => type === goAway)).toBe(false);
  });
});

describe('controlFramesBurst', () => {
  const limits = { controlFramesBurst: 40, controlFramesPerSecond: 0 };
  /** Each costs one, SETTINGS 16. The greeting costs one acknowledgement. */
  test.each<[string, number, Buffer]>([
    ['PING', 39, frameOf(ping, 0, 0, Buffer.alloc(8))],
    ['answers to PING', 39, frameOf(ping, frameFlag.ack, 0, Buffer.alloc(8))],
    ['SETTINGS', 2, frameOf(settings, 0, 0, empty)],
    ['acknowledgements', 39, frameOf(settings, frameFlag.ack, 0, empty)],
    ['PRIORITY', 39, frameOf(priority, 0, 1, Buffer.alloc(5))],
    ['WINDOW_UPDATE', 39, frameOf(windowUpdate, 0, 0, uint32(1))],
    ['unknown frames', 39, frameOf(77, 0, 0, empty)],
  ])('one more of %s ends the connection', async (_name, count, frame) => {
    const outcomes: (number | string)[] = [];
    for (const sent of [count, count + 1]) {
      await using server = await openRawServer(answer, limits);
      const peer = await server.handshake();
      for (let turn = 0; turn < sent; turn += 1) peer.send(frame);
      // Below the limit, a request is still served.
      peer.send(request(1, true));
      outcomes.push(await outcome(peer));
    }
    expect(outcomes).toEqual(['served', errorCode.enhanceYourCalm]);
  });

  test.each([
    ['empty DATA', ''],
    ['DATA of a few bytes', 'a'],
  ])('one more of %s that ends nothing does', async (_name, text) => {
    await using server = await openRawServer(
      (stream) => stream.receive({ chunk() {}, end() {}, cut() {} }),
      limits,
    );
    const peer = await server.handshake();
    // The request earns back what the greeting cost.
    for (let sent = 0; sent < 40; sent += 1)
      peer.send(...(sent === 0 ? [request(1, false)] : []), data(1, text));
    peer.send(request(3, true));
    await settled(peer);
    for (let sent = 0; sent < 8; sent += 1) peer.send(data(1, text));
    expect(codeOf(await peer.nextOf(goAway))).toBe(errorCode.enhanceYourCalm);
  });
});

describe('a header block', () => {
  const listBytes = (fields: readonly (readonly [string, string])[]): number =>
    fields.reduce((sum, [name, value]) => sum + name.length + value.length + fieldOverheadBytes, 0);

  test('of headerListBytesMax is served; one byte more is 431, and the next one is served', async () => {
    const headerListBytesMax = 1000;
    await using server = await openRawServer(answer, { headerListBytesMax });
    const peer = await server.handshake();
    const spare = headerListBytesMax - listBytes([...requestFields, ['x-long', '']]);
    const fieldsWith = (length: number) => [
      ...requestFields,
      ['x-long', 'a'.repeat(length)] as const,
    ];
    const statuses: (string | undefined)[] = [];
    for (const [streamId, length] of [
      [1, spare],
      [3, spare + 1],
      [5, spare],
    ] as const) {
      peer.send(request(streamId, true, fieldsWith(length)));
      statuses.push(fieldsOf(await peer.nextOf(headers, streamId))[':status']);
    }
    expect(statuses).toEqual(['200', '431', '200']);
  });

  test('that is too large still changes the dynamic table', async () => {
    await using server = await openRawServer(answer, { headerListBytesMax: 300 });
    const peer = await server.handshake();
    const indexed = Buffer.concat([
      Buffer.from([0x40, 1]),
      Buffer.from('a'),
      Buffer.from([1]),
      Buffer.from('b'),
    ]);
    const large = Buffer.concat([block([...requestFields, ['x-long', 'a'.repeat(300)]]), indexed]);
    peer.send(frameOf(headers, 5, 1, large));
    await peer.nextOf(headers, 1);
    peer.send(frameOf(headers, 5, 3, Buffer.concat([block(requestFields), Buffer.from([0xbe])])));
    expect(fieldsOf(await peer.nextOf(headers, 3))[':status']).toBe('200');
  });

  test('of more bytes than headerBlockBytesMax ends the connection', async () => {
    const whole = block([...requestFields, ['x-long', 'a'.repeat(200)]]);
    const outcomes: (number | string)[] = [];
    for (const headerBlockBytesMax of [whole.length, whole.length - 1]) {
      await using server = await openRawServer(answer, { headerBlockBytesMax });
      const peer = await server.handshake();
      peer.send(
        frameOf(headers, frameFlag.endStream, 1, whole.subarray(0, 100)),
        frameOf(continuation, frameFlag.endHeaders, 1, whole.subarray(100)),
      );
      outcomes.push(await outcome(peer));
    }
    expect(outcomes).toEqual(['served', errorCode.enhanceYourCalm]);
  });

  test('of more than continuationFramesMax does, though they are empty (CVE-2024-27316)', async () => {
    const outcomes: (number | string)[] = [];
    for (const count of [4, 5]) {
      await using server = await openRawServer(answer, { continuationFramesMax: 4 });
      const peer = await server.handshake();
      peer.send(frameOf(headers, frameFlag.endStream, 1, block(requestFields)));
      for (let sent = 1; sent < count; sent += 1) peer.send(frameOf(continuation, 0, 1, empty));
      peer.send(frameOf(continuation, frameFlag.endHeaders, 1, empty));
      outcomes.push(await outcome(peer));
    }
    expect(outcomes).toEqual(['served', errorCode.enhanceYourCalm]);
  });
});
