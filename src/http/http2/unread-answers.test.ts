import { describe, expect, test } from 'vitest';

import { errorCode, frameType, settingId } from './frames.ts';
import {
  codeOf,
  frameOf,
  openRawServer,
  request,
  setting,
  settled,
  uint32,
} from './raw-peer.fixture.ts';
import type { Http2Stream } from './stream.ts';

const { resetStream, headers, goAway } = frameType;
const shutWindow = setting(settingId.initialWindowSize, 0);
const body = Buffer.alloc(100);

function answer(stream: Http2Stream): void {
  stream.respond(200, {});
  stream.end(body);
}

describe('answers that their peer does not read', () => {
  test.each([
    ['at the limit the next request is served', 300, 200],
    ['one byte above it the next request is refused', 299, errorCode.refusedStream],
  ])('%s', async (_what, unreadBytesMax, outcome) => {
    await using server = await openRawServer(answer, { unreadBytesMax });
    const peer = await server.handshake(shutWindow);
    peer.send(...[1, 3, 5, 7].map((id) => request(id, true)));
    await settled(peer);
    const frame = peer.seen.find(({ streamId }) => streamId === 7)!;
    expect(frame.type === headers ? 200 : codeOf(frame)).toBe(outcome);
  });

  test('are given up by the peer: it may ask again', async () => {
    await using server = await openRawServer(answer, { unreadBytesMax: 99 });
    const peer = await server.handshake(shutWindow);
    peer.send(request(1, true), request(3, true));
    await peer.nextOf(resetStream, 3);
    peer.send(frameOf(resetStream, 0, 1, uint32(errorCode.cancel)), request(5, true));
    expect((await peer.nextOf(headers, 5)).streamId).toBe(5);
  });

  test('a peer that continues to ask is disconnected', async () => {
    const limits = { unreadBytesMax: 99, resetsBurst: 10, resetsPerSecond: 0 };
    await using server = await openRawServer(answer, limits);
    const peer = await server.handshake(shutWindow);
    for (let id = 1; id < 41; id += 2) peer.send(request(id, true));
    expect(codeOf(await peer.nextOf(goAway))).toBe(errorCode.enhanceYourCalm);
    await peer.closed();
  });

  test.each([
    ['at the limit of the server all stay', 300, 2],
    ['one byte above it the connection that holds most is closed', 299, 1],
  ])('%s', async (_what, serverUnreadBytesMax, connections) => {
    await using server = await openRawServer(answer, { serverUnreadBytesMax });
    const [small, large] = [await server.handshake(shutWindow), await server.handshake(shutWindow)];
    small.send(request(1, true));
    await settled(small);
    large.send(request(1, true), request(3, true));
    await settled(large);
    small.send(request(3, true));
    await small.nextOf(headers, 3);
    expect(server.server.connections).toBe(connections);
    // The one that is closed is not the one that asked.
    await settled(small);
  });
});
