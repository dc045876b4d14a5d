import { describe, expect, test } from 'vitest';

import { connectionFrame, errorCode, frameFlag, frameType } from './frames.ts';
import { bodyOf, codeOf, data, echo, frameOf, openRawServer, request } from './raw-peer.fixture.ts';
import type { Http2Stream } from './stream.ts';

const { data: dataType, headers, goAway, ping } = frameType;

describe('the end of a connection', () => {
  test('a peer that gets GOAWAY is served until it has read it, and open requests finish', async () => {
    const answers: (() => void)[] = [];
    await using server = await openRawServer((stream) => {
      answers.push(() => {
        stream.respond(200, {});
        stream.end(Buffer.from('late'));
      });
    });
    const peer = await server.handshake();
    peer.send(request(1, true), frameOf(ping, 0, 0, Buffer.alloc(8)));
    await peer.nextOf(ping);
    server.server.shutDown();
    const first = await peer.nextOf(goAway);
    expect([first.payload.readUInt32BE(0), codeOf(first)]).toEqual([
      2 ** 31 - 1,
      errorCode.noError,
    ]);
    const drainingPing = await peer.nextOf(ping);
    // A request that was sent before the peer knew is served. A later one is ignored.
    peer.send(
      request(3, true),
      frameOf(ping, frameFlag.ack, 0, drainingPing.payload),
      request(5, true),
    );
    expect((await peer.nextOf(goAway)).payload.readUInt32BE(0)).toBe(3);
    peer.send(frameOf(ping, 0, 0, Buffer.alloc(8)));
    await peer.nextOf(ping);
    expect(answers).toHaveLength(2);
    for (const answer of answers) answer();
    const all = await peer.closed();
    const bodies = all
      .filter(({ type }) => type === dataType)
      .map(({ streamId, payload }) => [streamId, `${payload}`]);
    expect(bodies).toEqual([
      [1, 'late'],
      [3, 'late'],
    ]);
    expect(server.server.connections).toBe(0);
  });

  test('a peer that does not answer is taken to know', async () => {
    await using server = await openRawServer(echo, { goAwayTimeoutMs: 20 });
    const peer = await server.handshake();
    server.server.shutDown();
    await peer.nextOf(goAway);
    expect((await peer.nextOf(goAway)).payload.readUInt32BE(0)).toBe(0);
    await peer.closed();
  });

  test('a peer that goes is served to the end of what it asked for', async () => {
    await using server = await openRawServer(echo);
    const peer = await server.handshake();
    peer.send(request(1, false), connectionFrame(goAway, 0, Buffer.alloc(8)), data(1, 'abc', true));
    expect(await bodyOf(peer, 1)).toBe('POST 3 {}');
    await peer.closed();
  });

  test('idle for so long: GOAWAY; not while a request is open', async () => {
    const asked: Http2Stream[] = [];
    await using server = await openRawServer(
      (stream) => asked.push(stream),
      { goAwayTimeoutMs: 20 },
      100,
    );
    const [busy, idle] = [await server.handshake(), await server.handshake()];
    busy.send(request(1, true));
    await idle.closed();
    expect(idle.seen.some(({ type }) => type === goAway)).toBe(true);
    expect(busy.seen.some(({ type }) => type === goAway)).toBe(false);
    asked[0]!.respond(204, {});
    asked[0]!.end();
    await busy.closed();
    expect(busy.seen.some(({ type, streamId }) => type === headers && streamId === 1)).toBe(true);
  });
});
