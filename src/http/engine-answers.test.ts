import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { engines, openEngineServer } from './engine-peer.fixture.ts';
import type { CallEnd, HttpCall, OpenAnswer, TrailersCall } from './http-call.ts';
import { errorCode, frameFlag, frameType, settingId } from './http2/frames.ts';
import { HpackDecoder } from './http2/headers/hpack-decode.ts';
import {
  codeOf,
  fieldsOf,
  frameOf,
  request,
  setting,
  settled,
  uint32,
} from './http2/raw-peer.fixture.ts';

/* The answers of an HttpCall over HTTP/2, as they arrive from each engine. */

const { headers, data, resetStream } = frameType;
const ends = (flags: number): boolean => (flags & frameFlag.endStream) !== 0;

function fieldsWith(method: string): readonly (readonly [string, string])[] {
  return [
    [':method', method],
    [':scheme', 'http'],
    [':path', '/a?b=c'],
    [':authority', 'x'],
  ];
}

describe.each(engines)('an answer: %s', (engine) => {
  test('has its status, fields, a date and its body', async () => {
    const seen: Partial<HttpCall>[] = [];
    const callEnds: CallEnd[] = [];
    const handle = (call: HttpCall): void => {
      const { httpVersionMajor, method, url, complete, answered } = call;
      seen.push({ httpVersionMajor, method, url, complete, answered });
      call.whenAnswered((end) => callEnds.push(end));
      call.reply(202, { 'content-type': 'text/plain', 'content-length': 6 }, 'größ');
      seen.push({ answered: call.answered });
    };
    await using server = await openEngineServer(engine, handle);
    const peer = await server.handshake();
    peer.send(request(1, true, fieldsWith('POST')));
    const fields = fieldsOf(await peer.nextOf(headers, 1));
    expect(fields).toMatchObject({
      ':status': '202',
      'content-type': 'text/plain',
      'content-length': '6',
    });
    expect(Date.parse(fields['date']!)).toBeGreaterThan(Date.now() - 5_000);
    const body = await peer.nextOf(data, 1);
    expect(body.payload.toString()).toBe('größ');
    expect(seen).toEqual([
      { httpVersionMajor: 2, method: 'POST', url: '/a?b=c', complete: true, answered: false },
      { answered: true },
    ]);
    await settled(peer);
    expect(callEnds).toEqual([{ status: 202, grpcStatus: undefined }]);
  });

  test.each([
    ['HEAD', 200, 'not sent'],
    ['POST', 204, ''],
    ['POST', 304, ''],
  ] as const)('to %s with %i has no body', async (method, status, body) => {
    await using server = await openEngineServer(engine, (call) => call.reply(status, {}, body));
    const peer = await server.handshake();
    peer.send(request(1, true, fieldsWith(method)));
    const frame = await peer.nextOf(headers, 1);
    expect(fieldsOf(frame)[':status']).toBe(String(status));
    await settled(peer);
    const sent = peer.seen.filter(({ type, streamId }) => type === data && streamId === 1);
    expect(sent.map(({ payload }) => payload.length).filter((length) => length > 0)).toEqual([]);
    expect([frame, ...sent].some(({ flags }) => ends(flags))).toBe(true);
  });

  test('has trailers after its body, or one block without a body', async () => {
    const callEnds: CallEnd[] = [];
    const handle = (call: HttpCall): void => {
      call.whenAnswered((end) => callEnds.push(end));
      const body = callEnds.length === 0 ? Buffer.from('message') : undefined;
      const trailers = { 'grpc-status': body === undefined ? '5' : '0' };
      (call as TrailersCall).replyWithTrailers({ 'content-type': 'a/b' }, body, trailers);
    };
    await using server = await openEngineServer(engine, handle);
    const peer = await server.handshake();
    const decoder = new HpackDecoder();
    peer.send(request(1, true));
    expect(fieldsOf(await peer.nextOf(headers, 1), decoder)['content-type']).toBe('a/b');
    const last = await peer.nextOf(headers, 1);
    expect([ends(last.flags), fieldsOf(last, decoder)]).toEqual([true, { 'grpc-status': '0' }]);
    await settled(peer);
    peer.send(request(3, true));
    const only = await peer.nextOf(headers, 3);
    expect(ends(only.flags)).toBe(true);
    expect(fieldsOf(only, decoder)).toMatchObject({ 'content-type': 'a/b', 'grpc-status': '5' });
    await settled(peer);
    expect(callEnds.map(({ grpcStatus }) => grpcStatus)).toEqual(['0', '5']);
  });

  test('in parts waits for room, and ends with or without trailers', async () => {
    const answers: OpenAnswer[] = [];
    const handle = (call: HttpCall): void => {
      const answer = call.open();
      answer.begin(200, { 'x-many': ['1', '2'] });
      answers.push(answer);
    };
    await using server = await openEngineServer(engine, handle);
    const peer = await server.handshake(setting(settingId.initialWindowSize, 100_000));
    peer.send(request(1, true));
    await peer.nextOf(headers, 1);
    let taken = 0;
    const part = Buffer.alloc(50_000);
    const write = (): void => {
      answers[0]!.write(part, () => {
        taken += 1;
        if (taken < 40) write();
      });
    };
    write();
    await sleep(50);
    // The first part fits into the window, the rest waits.
    expect(taken).toBeLessThan(10);
    peer.send(
      frameOf(frameType.windowUpdate, 0, 0, uint32(2 ** 30)),
      frameOf(frameType.windowUpdate, 0, 1, uint32(2 ** 30)),
    );
    while (taken < 40) await sleep(5);
    answers[0]!.end({ 'x-last': 'yes' });
    const last = await peer.nextOf(headers, 1);
    expect(ends(last.flags)).toBe(true);
    peer.send(request(3, true));
    await peer.nextOf(headers, 3);
    answers[1]!.write(Buffer.from('abc'), () => {});
    answers[1]!.end({});
    await peer.next(({ type, flags, streamId }) => type === data && streamId === 3 && ends(flags));
  });

  test('in parts may take its time between two of them', async () => {
    const answers: OpenAnswer[] = [];
    const handle = (call: HttpCall): void => {
      const answer = call.open();
      answer.begin(200, {});
      answers.push(answer);
      answer.write(Buffer.from('one'), () => {});
    };
    await using server = await openEngineServer(engine, handle, { stallTimeoutMs: 50 }, 100);
    const peer = await server.handshake();
    peer.send(request(1, true));
    await peer.nextOf(data, 1);
    await sleep(300);
    answers[0]!.write(Buffer.from('two'), () => {});
    expect((await peer.nextOf(data, 1)).payload.toString()).toBe('two');
  });

  test('in parts that is cut is seen as such', async () => {
    const handle = (call: HttpCall): void => {
      const answer = call.open();
      answer.begin(200, {});
      answer.write(Buffer.from('abc'), () => setTimeout(() => answer.cut(), 10));
    };
    await using server = await openEngineServer(engine, handle);
    const peer = await server.handshake();
    peer.send(request(1, true));
    expect(codeOf(await peer.nextOf(resetStream, 1))).toBe(errorCode.internalError);
  });

  test('to a caller that has disconnected is dropped', async () => {
    const calls: HttpCall[] = [];
    const callEnds: CallEnd[] = [];
    const handle = (call: HttpCall): void => {
      calls.push(call);
      call.whenAnswered((end) => callEnds.push(end));
    };
    await using server = await openEngineServer(engine, handle);
    const peer = await server.handshake();
    peer.send(request(1, true), request(3, true));
    await settled(peer);
    peer.send(frameOf(resetStream, 0, 1, uint32(errorCode.cancel)));
    peer.send(frameOf(resetStream, 0, 3, uint32(errorCode.cancel)));
    await settled(peer);
    calls[0]!.reply(200, {}, 'nobody');
    let taken = false;
    const open = calls[1]!.open();
    open.begin(200, {});
    open.write(Buffer.from('nobody'), () => (taken = true));
    open.end({});
    expect(taken).toBe(true);
    const late: CallEnd[] = [];
    calls[0]!.whenAnswered((end) => late.push(end));
    const none = { status: undefined, grpcStatus: undefined };
    expect([...callEnds, ...late]).toEqual([none, none, none]);
    expect(server.faults).toEqual([]);
  });

  test('that cannot be sent throws, and may be given again', async () => {
    const thrown: unknown[] = [];
    const handle = (call: HttpCall): void => {
      try {
        call.reply(200, { 'x-bad': 'a\nb' }, '');
      } catch (error) {
        thrown.push((error as Error).name);
        call.reply(500, {}, 'said');
      }
    };
    await using server = await openEngineServer(engine, handle);
    const peer = await server.handshake();
    peer.send(request(1, true));
    expect(fieldsOf(await peer.nextOf(headers, 1))[':status']).toBe('500');
    expect(thrown).toEqual(['TypeError']);
  });
});

describe.each(engines)('what the application throws: %s', (engine) => {
  const boom = (): never => {
    throw new Error('boom');
  };
  test.each<[string, (call: HttpCall) => void]>([
    ['at once', boom],
    ['at a chunk', (call) => call.receive({ chunk: boom, end: () => {}, cut: () => {} })],
    ['at the end', (call) => call.receive({ chunk: () => {}, end: boom, cut: () => {} })],
  ])('%s ends its stream alone, and is reported', async (_name, throws) => {
    const handle = (call: HttpCall): void => {
      if (call.url === '/bad') throws(call);
      else call.reply(200, {}, 'ok');
    };
    await using server = await openEngineServer(engine, handle);
    const peer = await server.handshake();
    const bad = fieldsWith('POST').map(([name, value]) =>
      name === ':path' ? ([name, '/bad'] as const) : ([name, value] as const),
    );
    peer.send(request(1, false, bad), frameOf(data, frameFlag.endStream, 1, Buffer.alloc(200)));
    expect(codeOf(await peer.nextOf(resetStream, 1))).toBe(errorCode.internalError);
    peer.send(request(3, true, fieldsWith('POST')));
    await peer.nextOf(data, 3);
    expect(server.faults.map(({ message }) => message)).toEqual(['boom']);
  });
});
