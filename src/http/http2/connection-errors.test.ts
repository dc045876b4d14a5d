import { describe, expect, test } from 'vitest';

import { errorCode, frameFlag, frameType, settingId, clientPreface } from './frames.ts';
import {
  block,
  bodyOf,
  codeOf,
  data,
  echo,
  frameOf,
  openRawServer,
  request,
  requestFields,
  setting,
  uint32,
} from './raw-peer.fixture.ts';

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
  pushPromise,
} = frameType;
const empty = Buffer.alloc(0);

describe('what ends the connection', () => {
  const settingsFrame = (payload: Buffer): Buffer => frameOf(settings, 0, 0, payload);
  const half = frameOf(headers, 0, 1, block(requestFields));
  test.each<[string, Buffer[], number]>([
    ['DATA of no stream', [data(0, 'a')], errorCode.protocolError],
    ['DATA of a stream that was not begun', [data(1, 'a')], errorCode.protocolError],
    [
      'DATA shorter than its padding',
      [request(1, false), frameOf(dataType, frameFlag.padded, 1, Buffer.from([1]))],
      errorCode.protocolError,
    ],
    [
      'DATA without its padding',
      [request(1, false), frameOf(dataType, frameFlag.padded, 1, empty)],
      errorCode.protocolError,
    ],
    ['HEADERS of no stream', [request(0, true)], errorCode.protocolError],
    ['HEADERS of an even stream', [request(2, true)], errorCode.protocolError],
    ['HEADERS of a smaller id', [request(5, true), request(3, true)], errorCode.protocolError],
    [
      'HEADERS shorter than their padding',
      [frameOf(headers, frameFlag.padded | frameFlag.endHeaders, 1, Buffer.from([9]))],
      errorCode.protocolError,
    ],
    [
      'HEADERS without their priority',
      [frameOf(headers, frameFlag.priority | frameFlag.endHeaders, 1, Buffer.alloc(4))],
      errorCode.protocolError,
    ],
    [
      'HEADERS that cannot be decoded',
      [frameOf(headers, frameFlag.endHeaders, 1, Buffer.from([0xbe]))],
      errorCode.compressionError,
    ],
    [
      'CONTINUATION of nothing',
      [frameOf(continuation, frameFlag.endHeaders, 1, empty)],
      errorCode.protocolError,
    ],
    [
      'CONTINUATION of another stream',
      [half, frameOf(continuation, frameFlag.endHeaders, 3, empty)],
      errorCode.protocolError,
    ],
    [
      'another frame within a header block',
      [half, frameOf(ping, 0, 0, Buffer.alloc(8))],
      errorCode.protocolError,
    ],
    [
      'an unknown frame within a header block',
      [half, frameOf(77, 0, 0, empty)],
      errorCode.protocolError,
    ],
    ['DATA within a header block', [half, data(1, 'a')], errorCode.protocolError],
    ['RST_STREAM of no stream', [frameOf(resetStream, 0, 0, uint32(8))], errorCode.protocolError],
    [
      'RST_STREAM of a stream that was not begun',
      [frameOf(resetStream, 0, 1, uint32(8))],
      errorCode.protocolError,
    ],
    [
      'RST_STREAM of another size',
      [request(1, false), frameOf(resetStream, 0, 1, Buffer.alloc(3))],
      errorCode.frameSizeError,
    ],
    ['SETTINGS of a stream', [frameOf(settings, 0, 1, empty)], errorCode.protocolError],
    ['SETTINGS of another size', [settingsFrame(Buffer.alloc(5))], errorCode.frameSizeError],
    [
      'an acknowledgement with settings',
      [frameOf(settings, frameFlag.ack, 0, setting(1, 0))],
      errorCode.frameSizeError,
    ],
    [
      'SETTINGS_ENABLE_PUSH 2',
      [settingsFrame(setting(settingId.enablePush, 2))],
      errorCode.protocolError,
    ],
    [
      'a window beyond 2^31-1',
      [settingsFrame(setting(settingId.initialWindowSize, 2 ** 31))],
      errorCode.flowControlError,
    ],
    [
      'SETTINGS_MAX_FRAME_SIZE 16383',
      [settingsFrame(setting(settingId.maxFrameSize, 16_383))],
      errorCode.protocolError,
    ],
    [
      'SETTINGS_MAX_FRAME_SIZE 2^24',
      [settingsFrame(setting(settingId.maxFrameSize, 2 ** 24))],
      errorCode.protocolError,
    ],
    ['PING of a stream', [frameOf(ping, 0, 1, Buffer.alloc(8))], errorCode.protocolError],
    ['PING of another size', [frameOf(ping, 0, 0, Buffer.alloc(7))], errorCode.frameSizeError],
    ['GOAWAY of a stream', [frameOf(goAway, 0, 1, Buffer.alloc(8))], errorCode.protocolError],
    [
      'GOAWAY that is too short',
      [frameOf(goAway, 0, 0, Buffer.alloc(7))],
      errorCode.frameSizeError,
    ],
    [
      'WINDOW_UPDATE of another size',
      [frameOf(windowUpdate, 0, 0, Buffer.alloc(3))],
      errorCode.frameSizeError,
    ],
    ['WINDOW_UPDATE of 0', [frameOf(windowUpdate, 0, 0, uint32(0))], errorCode.protocolError],
    [
      'WINDOW_UPDATE of a stream that was not begun',
      [frameOf(windowUpdate, 0, 1, uint32(1))],
      errorCode.protocolError,
    ],
    [
      'WINDOW_UPDATE beyond 2^31-1',
      [frameOf(windowUpdate, 0, 0, uint32(2 ** 31 - 65_535))],
      errorCode.flowControlError,
    ],
    ['PRIORITY of no stream', [frameOf(priority, 0, 0, Buffer.alloc(5))], errorCode.protocolError],
    [
      'PRIORITY of another size',
      [frameOf(priority, 0, 1, Buffer.alloc(4))],
      errorCode.frameSizeError,
    ],
    [
      'PRIORITY that waits for itself',
      [frameOf(priority, 0, 1, Buffer.from([0, 0, 0, 1, 0]))],
      errorCode.protocolError,
    ],
    ['PUSH_PROMISE', [frameOf(pushPromise, 4, 1, uint32(2))], errorCode.protocolError],
  ])('%s', async (_name, frames, code) => {
    await using server = await openRawServer((stream) =>
      stream.receive({ chunk() {}, end() {}, cut() {} }),
    );
    const peer = await server.handshake();
    peer.send(...frames);
    expect(codeOf(await peer.nextOf(goAway))).toBe(code);
    await peer.closed();
    expect(server.faults).toEqual([]);
  });

  test('a first frame other than SETTINGS', async () => {
    await using server = await openRawServer(echo);
    for (const first of [
      frameOf(ping, 0, 0, Buffer.alloc(8)),
      frameOf(settings, frameFlag.ack, 0, empty),
      data(1, 'a'),
    ]) {
      const peer = await server.connect();
      peer.send(clientPreface, first);
      expect(codeOf(await peer.nextOf(goAway))).toBe(errorCode.protocolError);
      await peer.closed();
    }
  });

  test('a preface of something else', async () => {
    await using server = await openRawServer(echo);
    const peer = await server.connect();
    peer.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\rX'));
    expect(codeOf(await peer.nextOf(goAway))).toBe(errorCode.protocolError);
    await peer.closed();
  });

  test.each([
    ['WINDOW_UPDATE of 0', frameOf(windowUpdate, 0, 1, uint32(0)), errorCode.protocolError],
    [
      'WINDOW_UPDATE beyond 2^31-1',
      frameOf(windowUpdate, 0, 1, uint32(2 ** 31 - 65_535)),
      errorCode.flowControlError,
    ],
    [
      'HEADERS that wait for themselves',
      frameOf(headers, 0x25, 3, Buffer.concat([uint32(3), Buffer.from([1]), block(requestFields)])),
      errorCode.protocolError,
    ],
  ])('%s of one stream ends that alone', async (_name, frame, code) => {
    await using server = await openRawServer((stream) =>
      stream.id === 5 ? echo(stream) : undefined,
    );
    const peer = await server.handshake();
    peer.send(request(1, true), frame, request(5, true));
    expect(codeOf(await peer.nextOf(resetStream))).toBe(code);
    expect(await bodyOf(peer, 5)).toBe('POST 0 {}');
  });
});
