import { describe, expect, test } from 'vitest';

import { errorCode, frameFlag, frameType, settingId } from './frames.ts';
import {
  codeOf,
  data,
  frameOf,
  openRawServer,
  request,
  setting,
  settled,
  uint32,
  type RawPeer,
} from './raw-peer.fixture.ts';
import type { Http2Stream } from './stream.ts';

const { data: dataType, headers, resetStream, goAway, settings, ping, windowUpdate } = frameType;

function answerWith(body: Buffer): (stream: Http2Stream) => void {
  return (stream) => {
    stream.respond(200, {});
    stream.end(Buffer.from(body), { 'x-sum': '1' });
  };
}

const bytesOf = (peer: RawPeer, streamId: number): Buffer =>
  Buffer.concat(
    peer.seen
      .filter((each) => each.type === dataType && each.streamId === streamId)
      .map(({ payload }) => payload),
  );

const body = Buffer.from(Array.from({ length: 200_000 }, (_value, index) => index % 251));
const open = (streamId: number, bytes: number): Buffer =>
  frameOf(windowUpdate, 0, streamId, uint32(bytes));

describe('what we send', () => {
  test('stays within the window of the stream, of any size', async () => {
    await using server = await openRawServer(answerWith(body));
    const peer = await server.handshake(setting(settingId.initialWindowSize, 0));
    peer.send(request(1, true));
    await peer.nextOf(headers, 1);
    let allowed = 0;
    for (const more of [1, 2, 1000, 20_000]) {
      peer.send(open(1, more));
      allowed += more;
      await settled(peer);
      expect(bytesOf(peer, 1).length).toBe(allowed);
    }
    peer.send(open(1, body.length), open(0, body.length));
    await peer.next(({ type, flags }) => type === headers && (flags & frameFlag.endStream) !== 0);
    expect(bytesOf(peer, 1).equals(body)).toBe(true);
    expect(Math.max(...peer.seen.map(({ payload }) => payload.length))).toBeLessThanOrEqual(16_384);
  });

  test('is no more than the window of the connection, shared by its streams', async () => {
    await using server = await openRawServer(answerWith(body));
    const peer = await server.handshake(setting(settingId.initialWindowSize, 2 ** 31 - 1));
    peer.send(request(1, true), request(3, true), request(5, true));
    await settled(peer);
    const sizes = [1, 3, 5].map((streamId) => bytesOf(peer, streamId).length);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(65_535);
    // The streams take turns: none waits until another one has finished.
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(16_384);
    peer.send(open(0, 3 * body.length));
    for (const streamId of [1, 3, 5]) {
      await peer.next(({ type, flags }) => type === headers && (flags & frameFlag.endStream) !== 0);
      expect(streamId).toBeGreaterThan(0);
    }
    for (const streamId of [1, 3, 5]) expect(bytesOf(peer, streamId).equals(body)).toBe(true);
  });

  test('follows a window that shrinks below nothing (RFC 9113 §6.9.2)', async () => {
    await using server = await openRawServer(answerWith(body));
    const peer = await server.handshake(setting(settingId.initialWindowSize, 30_000));
    peer.send(request(1, true));
    await settled(peer);
    expect(bytesOf(peer, 1).length).toBe(30_000);
    // 10,000 - 30,000 sent: the window needs 20,000 more before one more byte is sent.
    peer.send(
      frameOf(settings, 0, 0, setting(settingId.initialWindowSize, 10_000)),
      open(1, 20_000),
    );
    await settled(peer);
    expect(bytesOf(peer, 1).length).toBe(30_000);
    peer.send(open(1, 1));
    await settled(peer);
    expect(bytesOf(peer, 1).length).toBe(30_001);
    peer.send(frameOf(settings, 0, 0, setting(settingId.initialWindowSize, 10_010)));
    await settled(peer);
    expect(bytesOf(peer, 1).length).toBe(30_011);
  });

  test('a window beyond 2^31-1 by SETTINGS ends the connection', async () => {
    await using server = await openRawServer(answerWith(body));
    const peer = await server.handshake(setting(settingId.initialWindowSize, 0));
    peer.send(request(1, true), open(1, 2 ** 31 - 1));
    peer.send(frameOf(settings, 0, 0, setting(settingId.initialWindowSize, 2 ** 31 - 1)));
    expect(codeOf(await peer.nextOf(goAway))).toBe(errorCode.flowControlError);
  });

  test('an answer in parts reports when its writer may go on', async () => {
    const told: string[] = [];
    await using server = await openRawServer((stream) => {
      stream.respond(200, {});
      stream.write(Buffer.from('first'));
      stream.whenSent(() => {
        told.push(`sent, ${stream.bytesWaiting} wait`);
        stream.write(Buffer.from('second'));
        stream.whenSent(() => {
          told.push('again');
          stream.end();
        });
      });
    });
    const peer = await server.handshake(setting(settingId.initialWindowSize, 4));
    peer.send(request(1, true));
    await settled(peer);
    expect([bytesOf(peer, 1).toString(), told]).toEqual(['firs', []]);
    peer.send(open(1, 3));
    await settled(peer);
    expect([bytesOf(peer, 1).toString(), told]).toEqual(['firstse', ['sent, 0 wait']]);
    peer.send(open(1, 10));
    await peer.next(({ type, flags }) => type === dataType && (flags & frameFlag.endStream) !== 0);
    expect([bytesOf(peer, 1).toString(), told.length]).toEqual(['firstsecond', 2]);
  });
});

describe('what we take', () => {
  const limits = { streamWindowBytes: 70_000, connectionWindowBytes: 100_000 };
  const chunk = Buffer.alloc(10_000);

  test('stays within the window of the stream while it is not read', async () => {
    await using server = await openRawServer(() => {}, limits);
    const peer = await server.handshake();
    peer.send(request(1, false));
    for (let sent = 0; sent < 7; sent += 1) peer.send(data(1, chunk));
    await settled(peer);
    expect(peer.seen.some(({ type }) => type === resetStream)).toBe(false);
    peer.send(data(1, 'a'));
    expect(codeOf(await peer.nextOf(resetStream, 1))).toBe(errorCode.flowControlError);
  });

  test('is no more than the window of the connection', async () => {
    await using server = await openRawServer(() => {}, limits);
    const peer = await server.handshake();
    peer.send(request(1, false), request(3, false));
    for (let sent = 0; sent < 5; sent += 1) peer.send(data(1, chunk), data(3, chunk));
    await settled(peer);
    peer.send(data(1, 'a'));
    expect(codeOf(await peer.nextOf(goAway))).toBe(errorCode.flowControlError);
  });

  test('may be sent again once it was taken; held, it may not', async () => {
    const streams: Http2Stream[] = [];
    let taken = 0;
    await using server = await openRawServer((stream) => {
      streams.push(stream);
      stream.receive({ chunk: (bytes) => (taken += bytes.length), end: () => {}, cut: () => {} });
    }, limits);
    const peer = await server.handshake();
    peer.send(request(1, false));
    for (let sent = 0; sent < 7; sent += 1) peer.send(data(1, chunk));
    expect((await peer.nextOf(windowUpdate, 1)).payload.readUInt32BE(0)).toBe(40_000);
    await settled(peer);
    streams[0]!.hold();
    for (let sent = 0; sent < 4; sent += 1) peer.send(data(1, chunk));
    await settled(peer);
    expect(taken).toBe(110_000);
    const updates = (): number =>
      peer.seen.filter(({ type, streamId }) => type === windowUpdate && streamId === 1).length;
    expect(updates()).toBe(1);
    streams[0]!.resume();
    await settled(peer);
    expect(updates()).toBe(2);
  });

  test('counts for the connection after its stream has ended, padding included', async () => {
    await using server = await openRawServer((stream) => stream.close(errorCode.cancel), limits);
    const peer = await server.handshake();
    const padded = frameOf(
      dataType,
      frameFlag.padded,
      1,
      Buffer.concat([Buffer.from([255]), Buffer.alloc(10_000)]),
    );
    peer.send(request(1, false));
    let given = 0;
    for (let sent = 0; sent < 30; sent += 1) {
      peer.send(padded);
      await settled(peer);
      given = peer.seen
        .filter(({ type, streamId }) => type === windowUpdate && streamId === 0)
        .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
    }
    expect(given).toBeGreaterThan(200_000);
  });

  test('a few bytes do not keep the buffer of their read alive', async () => {
    const held: Buffer[] = [];
    await using server = await openRawServer((stream) =>
      stream.receive({ chunk: (bytes) => held.push(bytes), end: () => {}, cut: () => {} }),
    );
    const peer = await server.handshake();
    peer.send(
      request(1, false),
      data(1, 'ab'),
      ...Array.from({ length: 100 }, () => frameOf(ping, 0, 0, Buffer.alloc(8))),
    );
    await peer.nextOf(ping);
    expect(held.map(String)).toEqual(['ab']);
    // A copy of a few bytes is stored in Node's buffer pool.
    expect(held[0]!.buffer.byteLength).toBe(Buffer.poolSize);
  });
});
