import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import {
  answerAtOnce,
  endCode,
  engines,
  forStreams,
  openEngineServer,
  pour,
} from './engine-peer.fixture.ts';
import type { CallEnd, HttpCall } from './http-call.ts';
import { clientPreface, errorCode, frameType, settingId } from './http2/frames.ts';
import {
  codeOf,
  data,
  frameOf,
  request,
  requestFields,
  setting,
  settled,
  uint32,
  type RawPeer,
} from './http2/raw-peer.fixture.ts';

/*
 * The limits that both engines enforce over HTTP/2, tested by a peer that writes its own frames.
 * engine-floods.test.ts has those of floods and headers. Limits that only one engine enforces are in
 * engine-differences.test.ts.
 */

const cancel = (streamId: number): Buffer =>
  frameOf(frameType.resetStream, 0, streamId, uint32(errorCode.cancel));

/**
 * Sends DATA on stream 1 as far as its window allows, and ends the stream. Returns the bytes sent
 * so far.
 */
function sendWithinWindow(peer: RawPeer, windowBytes: number, bodyBytes: number): () => number {
  let sent = 0;
  const send = (): void => {
    const opened = peer.seen
      .filter(({ type, streamId }) => type === frameType.windowUpdate && streamId === 1)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), windowBytes);
    while (sent < bodyBytes) {
      const bytes = Math.min(16_000, opened - sent, bodyBytes - sent);
      if (bytes <= 0) return;
      sent += bytes;
      peer.send(data(1, Buffer.alloc(bytes), sent === bodyBytes));
    }
  };
  send();
  peer.socket.on('data', send);
  return () => sent;
}

describe.each(engines)('requests of HTTP/2: %s', (engine) => {
  test('have the connection from which they came', async () => {
    const calls: HttpCall[] = [];
    await using server = await openEngineServer(engine, (call) => {
      calls.push(call);
      answerAtOnce(call);
    });
    for (const streams of [[1, 3], [1]]) {
      const peer = await server.handshake();
      for (const id of streams) peer.send(request(id, true));
      await settled(peer);
    }
    expect(calls.map(({ connection }) => connection.remoteAddress)).toEqual(
      calls.map(() => '127.0.0.1'),
    );
    expect(calls[1]!.connection).toBe(calls[0]!.connection);
    expect(calls[2]!.connection).not.toBe(calls[0]!.connection);
  });

  test('a stream that is reset in the read that opened it does no harm, with any code', async () => {
    await using server = await openEngineServer(engine, answerAtOnce);
    const peer = await server.handshake();
    const codes = forStreams(1, 15, (streamId) => [
      request(streamId, false),
      frameOf(frameType.resetStream, 0, streamId, uint32((streamId - 1) / 2)),
    ]);
    expect(await pour(peer, codes)).toBeUndefined();
    peer.send(request(101, true));
    expect((await peer.nextOf(frameType.data, 101)).payload.toString()).toBe('ok');
    expect(server.faults).toEqual([]);
  });

  test('a reset frees no place before the application is done (CVE-2023-44487)', async () => {
    const asked: HttpCall[] = [];
    const limits = { streamsMax: 2 };
    await using server = await openEngineServer(engine, (call) => asked.push(call), limits);
    const peer = await server.handshake();
    for (let streamId = 1; streamId < 101; streamId += 2) {
      peer.send(request(streamId, true));
      await settled(peer);
      peer.send(cancel(streamId));
      await settled(peer);
    }
    expect(asked).toHaveLength(2);
    for (const call of asked) answerAtOnce(call);
    peer.send(request(101, true));
    await settled(peer);
    expect(asked).toHaveLength(3);
  });

  test('an upload that is reset notifies its sink, and holds no place', async () => {
    const ends: string[] = [];
    const handle = (call: HttpCall): void =>
      call.receive({ chunk: () => {}, end: () => ends.push('end'), cut: () => ends.push('cut') });
    await using server = await openEngineServer(engine, handle, { streamsMax: 1 });
    const peer = await server.handshake();
    for (const streamId of [1, 3, 5]) {
      peer.send(request(streamId, false), data(streamId, 'abc'));
      await settled(peer);
      peer.send(cancel(streamId));
      await settled(peer);
    }
    expect(ends).toEqual(['cut', 'cut', 'cut']);
  });

  test('too many resets end the connection', async () => {
    const limits = { resetsBurst: 10, resetsPerSecond: 1 };
    await using server = await openEngineServer(engine, () => {}, limits);
    const peer = await server.handshake();
    const given = forStreams(1, 25, (streamId) => [request(streamId, true), cancel(streamId)]);
    expect(await pour(peer, given)).toBeDefined();
    expect(server.connections()).toBe(0);
  });

  test('requests beyond the places that resets keep are refused, and too many end it', async () => {
    const limits = { streamsMax: 1, resetsBurst: 10, resetsPerSecond: 1 };
    await using server = await openEngineServer(engine, () => {}, limits);
    const peer = await server.handshake();
    peer.send(request(1, true));
    await settled(peer);
    peer.send(cancel(1));
    await settled(peer);
    peer.send(request(3, true));
    expect(codeOf(await peer.nextOf(frameType.resetStream, 3))).toBe(errorCode.refusedStream);
    const more = forStreams(5, 25, (streamId) => [request(streamId, true)]);
    expect(await pour(peer, more)).toBe(errorCode.enhanceYourCalm);
  });

  test('malformed requests are reset, and too many of them end the connection', async () => {
    const limits = { resetsBurst: 10, resetsPerSecond: 0 };
    await using server = await openEngineServer(engine, () => {}, limits);
    const peer = await server.handshake();
    peer.send(request(1, true, [[':path', '/']]));
    expect(codeOf(await peer.nextOf(frameType.resetStream, 1))).toBe(errorCode.protocolError);
    const more = forStreams(3, 25, (streamId) => [request(streamId, true, [[':path', '/']])]);
    expect(await pour(peer, more)).toBeDefined();
  });

  test('values are given without white space at their ends', async () => {
    const seen: unknown[] = [];
    const handle = (call: HttpCall): void => {
      seen.push(call.headers['authorization']);
      answerAtOnce(call);
    };
    await using server = await openEngineServer(engine, handle);
    const peer = await server.handshake();
    peer.send(request(1, true, [...requestFields, ['authorization', ' Bearer ']]));
    await peer.nextOf(frameType.data, 1);
    expect(seen).toEqual(['Bearer']);
  });
});

describe.each(engines)('bodies over HTTP/2: %s', (engine) => {
  test('a held body may fill its window and a little more; the rest comes as it is taken', async () => {
    const windowBytes = 65_535;
    const bodyBytes = 1_000_000;
    const calls: HttpCall[] = [];
    const ended = Promise.withResolvers<void>();
    let received = 0;
    const handle = (call: HttpCall): void => {
      calls.push(call);
      const chunk = (bytes: Buffer): void => {
        received += bytes.length;
        call.hold();
      };
      call.receive({ chunk, end: ended.resolve, cut: () => {} });
    };
    const limits = { streamWindowBytes: windowBytes };
    await using server = await openEngineServer(engine, handle, limits);
    const peer = await server.handshake();
    peer.send(request(1, false));
    const sent = sendWithinWindow(peer, windowBytes, bodyBytes);
    await sleep(200);
    // Node counts the bytes that it has read from a held stream as taken, once.
    expect(sent()).toBeLessThanOrEqual(3 * windowBytes);
    const resumes = setInterval(() => calls[0]!.resume(), 1);
    await ended.promise;
    clearInterval(resumes);
    expect(received).toBe(bodyBytes);
  });

  test('a body beyond its window is cut', async () => {
    const calls: HttpCall[] = [];
    const limits = { streamWindowBytes: 65_535 };
    await using server = await openEngineServer(engine, (call) => calls.push(call), limits);
    const peer = await server.handshake();
    peer.send(request(1, false));
    await settled(peer);
    for (let sent = 0; sent < 6; sent += 1) peer.send(data(1, Buffer.alloc(16_000)));
    const { resetStream, goAway } = frameType;
    const refused = await peer.next(({ type }) => type === resetStream || type === goAway);
    expect(codeOf(refused)).toBe(errorCode.flowControlError);
    await sleep(20);
    const cut = new Promise<void>((resolve) =>
      calls[0]!.receive({ chunk: () => {}, end: () => {}, cut: resolve }),
    );
    await cut;
  });

  test('a request that continues after its answer is discarded, then cut off', async () => {
    const chunks: Buffer[] = [];
    const handle = (call: HttpCall): void => {
      call.receive({ chunk: (bytes) => chunks.push(bytes), end: () => {}, cut: () => {} });
      call.reply(413, {}, '');
    };
    await using server = await openEngineServer(engine, handle, { lingerMs: 50 }, 100);
    const peer = await server.handshake();
    peer.send(request(1, false));
    await peer.nextOf(frameType.headers, 1);
    peer.send(data(1, 'more'));
    expect(codeOf(await peer.nextOf(frameType.resetStream, 1))).toBe(errorCode.noError);
    expect(Buffer.concat(chunks).toString()).toBe('more');
  });
});

describe.each(engines)('time over HTTP/2: %s', (engine) => {
  test.each([
    ['half a preface', clientPreface.subarray(0, 14)],
    ['no SETTINGS', clientPreface],
  ])('%s ends the connection', async (_name, start) => {
    await using server = await openEngineServer(engine, answerAtOnce, { frameTimeoutMs: 30 }, 100);
    const peer = await server.connect();
    peer.send(start);
    expect(await endCode(peer)).toBe(errorCode.enhanceYourCalm);
  });

  test('an idle connection is closed; one with a request under way is not', async () => {
    const calls: HttpCall[] = [];
    const limits = { goAwayTimeoutMs: 50 };
    await using server = await openEngineServer(engine, (call) => calls.push(call), limits, 100);
    const [idle, busy] = [await server.handshake(), await server.handshake()];
    busy.send(request(1, true));
    await idle.nextOf(frameType.goAway);
    await sleep(200);
    expect(busy.seen.some(({ type }) => type === frameType.goAway)).toBe(false);
    answerAtOnce(calls[0]!);
    await busy.nextOf(frameType.data, 1);
    await busy.nextOf(frameType.goAway);
    await Promise.all([idle.closed(), busy.closed()]);
  });

  test('PING and SETTINGS keep no connection', async () => {
    await using server = await openEngineServer(engine, answerAtOnce, {}, 200);
    const peer = await server.handshake();
    const timer = setInterval(() => {
      if (!peer.socket.writable) return;
      peer.send(
        frameOf(frameType.ping, 0, 0, Buffer.alloc(8)),
        frameOf(frameType.settings, 0, 0, Buffer.alloc(0)),
      );
    }, 50);
    const seen = await Promise.race([peer.nextOf(frameType.goAway), sleep(3000)]);
    clearInterval(timer);
    expect(seen).toMatchObject({ type: frameType.goAway });
  });

  test('an answer whose window stays shut is given up, and its place is free', async () => {
    const ends: CallEnd[] = [];
    const handle = (call: HttpCall): void => {
      call.whenAnswered((end) => ends.push(end));
      answerAtOnce(call);
    };
    const limits = { stallTimeoutMs: 50, streamsMax: 1 };
    await using server = await openEngineServer(engine, handle, limits, 1000);
    const peer = await server.handshake(setting(settingId.initialWindowSize, 0));
    peer.send(request(1, true));
    expect(codeOf(await peer.nextOf(frameType.resetStream, 1))).toBe(errorCode.cancel);
    peer.send(request(3, true));
    await peer.nextOf(frameType.headers, 3);
    expect(ends).toEqual([{ status: 200, grpcStatus: undefined }]);
  });

  test('a peer that reads nothing is cut off', async () => {
    const ended = Promise.withResolvers<CallEnd>();
    const handle = (call: HttpCall): void => {
      call.whenAnswered(ended.resolve);
      call.reply(200, {}, Buffer.alloc(64 * 1024 * 1024));
    };
    await using server = await openEngineServer(engine, handle, { stallTimeoutMs: 50 }, 100);
    const peer = await server.handshake(setting(settingId.initialWindowSize, 2 ** 31 - 1));
    peer.socket.pause();
    peer.send(frameOf(frameType.windowUpdate, 0, 0, uint32(2 ** 30)), request(1, true));
    await ended.promise;
    while (server.connections() > 0) await sleep(10);
    expect(peer.socket.destroyed).toBe(false);
  });

  test('a stop lets requests under way end, then closes', async () => {
    const calls: HttpCall[] = [];
    const limits = { goAwayTimeoutMs: 50 };
    await using server = await openEngineServer(engine, (call) => calls.push(call), limits);
    const peer = await server.handshake();
    peer.send(request(1, true));
    await settled(peer);
    server.shutDown();
    await peer.nextOf(frameType.goAway);
    await sleep(100);
    answerAtOnce(calls[0]!);
    expect((await peer.nextOf(frameType.data, 1)).payload.toString()).toBe('ok');
    await peer.closed();
  });
});
