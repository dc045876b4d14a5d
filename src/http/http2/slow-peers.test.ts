import { describe, expect, test } from 'vitest';

import { errorCode, frameType, settingId } from './frames.ts';
import {
  block,
  codeOf,
  data,
  frameOf,
  openRawServer,
  request,
  requestFields,
  setting,
  uint32,
} from './raw-peer.fixture.ts';
import type { Http2Stream } from './stream.ts';

const { headers, resetStream, goAway, ping, windowUpdate } = frameType;
const empty = Buffer.alloc(0);

function answer(stream: Http2Stream): void {
  stream.receive({ chunk: () => {}, end: () => {}, cut: () => {} });
  stream.respond(200, {});
  stream.end(Buffer.from('ok'));
}

describe('frameTimeoutMs', () => {
  const half = frameOf(headers, 5, 1, block(requestFields));
  test.each([
    ['nothing at all', empty],
    ['half a preface', Buffer.from('PRI * HTTP/2.0')],
  ])('%s', async (_name, start) => {
    await using server = await openRawServer(answer, { frameTimeoutMs: 30 }, 100);
    const peer = await server.connect();
    peer.send(start);
    const last = (await peer.closed()).at(-1)!;
    expect([last.type, codeOf(last)]).toEqual([goAway, errorCode.enhanceYourCalm]);
  });

  test.each([
    ['half a frame', half.subarray(0, 20)],
    ['half a head of a frame', half.subarray(0, 4)],
    ['half of DATA', Buffer.concat([request(1, false), data(1, 'abc').subarray(0, 10)])],
    ['half a header block', frameOf(headers, 0, 1, block(requestFields))],
  ])('%s ends the connection', async (_name, start) => {
    await using server = await openRawServer(() => {}, { frameTimeoutMs: 30 }, 100);
    const peer = await server.handshake();
    peer.send(start);
    expect(codeOf(await peer.nextOf(goAway))).toBe(errorCode.enhanceYourCalm);
    await peer.closed();
  });
});

describe('stallTimeoutMs', () => {
  test('an answer whose window stays shut is given up, and its place is free', async () => {
    const closed = Promise.withResolvers<boolean>();
    await using server = await openRawServer(
      (stream) => {
        stream.whenClosed(() => closed.resolve(stream.isAborted));
        answer(stream);
      },
      { stallTimeoutMs: 50 },
      100,
    );
    const peer = await server.handshake(setting(settingId.initialWindowSize, 0));
    peer.send(request(1, true));
    expect(codeOf(await peer.nextOf(resetStream, 1))).toBe(errorCode.cancel);
    expect(await closed.promise).toBe(true);
  });

  test('a peer that reads nothing is cut off', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await openRawServer(
      (stream) => {
        stream.whenClosed(closed.resolve);
        stream.respond(200, {});
        stream.end(Buffer.alloc(64 * 1024 * 1024));
      },
      { stallTimeoutMs: 50 },
      100,
    );
    const peer = await server.handshake(setting(settingId.initialWindowSize, 2 ** 31 - 1));
    peer.socket.pause();
    peer.send(frameOf(windowUpdate, 0, 0, uint32(2 ** 30)), request(1, true));
    await closed.promise;
    expect(server.server.connections).toBe(0);
  });
});

test('lingerMs: bytes after the answer are discarded, then the request is cut off without an error', async () => {
  const chunks: Buffer[] = [];
  await using server = await openRawServer(
    (stream) => {
      stream.receive({ chunk: (bytes) => chunks.push(bytes), end: () => {}, cut: () => {} });
      stream.respond(413, {});
      stream.end();
    },
    { lingerMs: 50 },
    100,
  );
  const peer = await server.handshake();
  peer.send(request(1, false));
  await peer.nextOf(headers, 1);
  peer.send(data(1, 'more'));
  expect(codeOf(await peer.nextOf(resetStream, 1))).toBe(errorCode.noError);
  expect(Buffer.concat(chunks).toString()).toBe('more');
});

test('controlBytesWaitingMax: a peer that asks and does not read is not served until it reads', async () => {
  const body = Buffer.alloc(64 * 1024 * 1024);
  const asked: Http2Stream[] = [];
  await using server = await openRawServer(
    (stream) => {
      asked.push(stream);
      stream.respond(200, {});
      stream.end(stream.id === 1 ? body : undefined);
    },
    { controlBytesWaitingMax: 1000, controlFramesBurst: 1e6, emptyFramesBurst: 1e6 },
  );
  const peer = await server.handshake(setting(settingId.initialWindowSize, 2 ** 31 - 1));
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));
  peer.socket.pause();
  peer.send(frameOf(windowUpdate, 0, 0, uint32(2 ** 30)), request(1, true));
  // Until the sockets between them are full.
  for (let waiting = -1; asked.length === 0 || waiting !== asked[0]!.bytesWaiting;) {
    waiting = asked[0]?.bytesWaiting ?? -1;
    await pause();
  }
  for (let sent = 0; sent < 2000; sent += 1) peer.send(frameOf(ping, 0, 0, Buffer.alloc(8)));
  await pause();
  peer.send(request(3, true));
  await pause();
  expect(asked).toHaveLength(1);
  peer.socket.resume();
  await peer.nextOf(headers, 3);
  expect(peer.seen.filter(({ type }) => type === ping)).toHaveLength(2000);
});
