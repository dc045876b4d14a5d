import { describe, expect, test } from 'vitest';

import { answerAtOnce, endCode, engines, openEngineServer, pour } from './engine-peer.fixture.ts';
import type { HttpCall } from './http-call.ts';
import { errorCode, frameFlag, frameType } from './http2/frames.ts';
import {
  block,
  codeOf,
  data,
  fieldsOf,
  frameOf,
  request,
  requestFields,
  settled,
} from './http2/raw-peer.fixture.ts';

/* What both engines bear of frames that bring nothing, and of headers. */

const empty = Buffer.alloc(0);

describe.each(engines)('floods over HTTP/2: %s', (engine) => {
  const limits = { controlFramesBurst: 40, controlFramesPerSecond: 0 };

  test.each<[string, number, Buffer]>([
    ['PING', 39, frameOf(frameType.ping, 0, 0, Buffer.alloc(8))],
    ['SETTINGS', 2, frameOf(frameType.settings, 0, 0, empty)],
  ])('one %s more ends the connection', async (_name, count, frame) => {
    const outcomes: (number | 'served')[] = [];
    // What the greeting costs differs by one acknowledgement.
    for (const sent of [count, count + 2]) {
      await using server = await openEngineServer(engine, answerAtOnce, limits);
      const peer = await server.handshake();
      peer.send(...Array.from({ length: sent }, () => frame), request(1, true));
      const { goAway, data: dataType } = frameType;
      const found = await peer.next(({ type }) => type === dataType || type === goAway);
      outcomes.push(found.type === dataType ? 'served' : codeOf(found));
    }
    expect(outcomes).toEqual(['served', errorCode.enhanceYourCalm]);
  });

  test('requests earn them', async () => {
    await using server = await openEngineServer(engine, answerAtOnce, limits);
    const peer = await server.handshake();
    for (let streamId = 1; streamId < 101; streamId += 2) {
      peer.send(request(streamId, true));
      await peer.nextOf(frameType.data, streamId);
      for (let sent = 0; sent < 4; sent += 1)
        peer.send(frameOf(frameType.ping, 0, 0, Buffer.alloc(8)));
    }
    await settled(peer);
    expect(peer.seen.some(({ type }) => type === frameType.goAway)).toBe(false);
  });

  test('so does DATA of a few bytes each', async () => {
    const handle = (call: HttpCall): void =>
      call.receive({ chunk: () => {}, end: () => {}, cut: () => {} });
    await using server = await openEngineServer(engine, handle, limits);
    const peer = await server.handshake();
    peer.send(request(1, false));
    // Of a PING there is one to ten of them.
    const group = Array.from({ length: 10 }, () => data(1, 'a'));
    const few = await pour(peer, [group, group]);
    const more = await pour(peer, [group, group, group]);
    expect([few, more]).toEqual([undefined, errorCode.enhanceYourCalm]);
  });

  test('and unasked answers to PING', async () => {
    await using server = await openEngineServer(engine, answerAtOnce, limits);
    const peer = await server.handshake();
    const unasked = frameOf(frameType.ping, frameFlag.ack, 0, Buffer.alloc(8));
    peer.send(...Array.from({ length: 60 }, () => unasked));
    expect(await endCode(peer)).toBeGreaterThan(0);
  });
});

describe.each(engines)('header blocks over HTTP/2: %s', (engine) => {
  test('of headerListBytesMax is served, and of one byte more is not', async () => {
    const listBytes = (fields: readonly (readonly [string, string])[]): number =>
      fields.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    const headerListBytesMax = 1000;
    const spare = headerListBytesMax - listBytes([...requestFields, ['x-long', '']]);
    await using server = await openEngineServer(engine, answerAtOnce, { headerListBytesMax });
    const peer = await server.handshake();
    peer.send(request(1, true, [...requestFields, ['x-long', 'a'.repeat(spare)]]));
    expect(fieldsOf(await peer.nextOf(frameType.headers, 1))[':status']).toBe('200');
    peer.send(request(3, true, [...requestFields, ['x-long', 'a'.repeat(spare + 1)]]));
    const refused = await peer.next(({ streamId }) => streamId === 3);
    const isServed = refused.type === frameType.headers && fieldsOf(refused)[':status'] === '200';
    expect(isServed).toBe(false);
    peer.send(request(5, true));
    await peer.nextOf(frameType.data, 5);
  });

  test('of as many fields as the bytes allow is served', async () => {
    await using server = await openEngineServer(engine, answerAtOnce);
    const peer = await server.handshake();
    const many = Array.from({ length: 950 }, () => ['a', ''] as const);
    peer.send(request(1, true, [...requestFields, ...many]));
    expect(fieldsOf(await peer.nextOf(frameType.headers, 1))[':status']).toBe('200');
  });

  test('a block that never ends is refused before it is decoded (CVE-2024-27316)', async () => {
    await using server = await openEngineServer(engine, answerAtOnce);
    const peer = await server.handshake();
    const begun = frameOf(frameType.headers, frameFlag.endStream, 1, block(requestFields));
    const more = frameOf(frameType.continuation, 0, 1, empty);
    peer.send(begun, ...Array.from({ length: 40 }, () => more));
    expect(await endCode(peer)).toBeGreaterThan(0);
  });
});
