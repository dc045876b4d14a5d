import { describe, expect, test } from 'vitest';

import { errorCode, frameFlag, frameType, settingId } from './frames.ts';
import {
  block,
  bodyOf,
  codeOf,
  data,
  echo,
  fieldsOf,
  frameOf,
  openRawServer,
  request,
  requestFields,
  setting,
  uint32,
} from './raw-peer.fixture.ts';
import type { Http2Stream } from './stream.ts';

const {
  data: dataType,
  headers,
  resetStream,
  settings,
  ping,
  windowUpdate,
  priority,
  continuation,
} = frameType;

describe('a request', () => {
  test('with padding, priority, continuations and trailers is read as it is meant', async () => {
    await using server = await openRawServer(echo);
    const peer = await server.handshake();
    const fields = block([
      ...requestFields,
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
      ['x-many', '1'],
      ['x-many', '2'],
    ]);
    const padded = Buffer.concat([
      Buffer.from([3, 0, 0, 0, 0, 16]),
      fields.subarray(0, 20),
      Buffer.alloc(3),
    ]);
    peer.send(
      frameOf(headers, frameFlag.padded | frameFlag.priority, 1, padded),
      frameOf(continuation, 0, 1, fields.subarray(20, 30)),
      frameOf(continuation, frameFlag.endHeaders, 1, fields.subarray(30)),
      frameOf(dataType, frameFlag.padded, 1, Buffer.from('\u0002hello\0\0', 'latin1')),
      data(1, ' world'),
      frameOf(headers, frameFlag.endHeaders | frameFlag.endStream, 1, block([['x-sum', '7']])),
    );
    expect(await bodyOf(peer, 1)).toBe('POST 11 {"x-sum":"7"}');
  });

  test('has its headers as Node gives them', async () => {
    let seen: Http2Stream['headers'] | undefined;
    await using server = await openRawServer((stream) => {
      seen = stream.headers;
      echo(stream);
    });
    const peer = await server.handshake();
    const twice = ['cookie', 'x-many', 'content-type', '__proto__'].flatMap((name) => [
      [name, `${name}=1`] as const,
      [name, `${name}=2`] as const,
    ]);
    for (const streamId of [1, 3]) {
      peer.send(request(streamId, true, [...requestFields, ...twice, ['x-padded', ' a ']]));
      await peer.nextOf(dataType, streamId);
      expect(Object.entries(seen!)).toEqual([
        ...requestFields,
        ['cookie', 'cookie=1; cookie=2'],
        ['x-many', 'x-many=1, x-many=2'],
        ['content-type', 'content-type=1'],
        ['__proto__', '__proto__=1, __proto__=2'],
        ['x-padded', 'a'],
      ]);
      expect('constructor' in seen!).toBe(false);
      expect('toString' in seen!).toBe(false);
    }
  });

  test('means what its block means now, though the same bytes meant something else before', async () => {
    const seen: (string | string[] | undefined)[] = [];
    await using server = await openRawServer((stream) => {
      seen.push(stream.headers['x-name']);
      echo(stream);
    });
    const peer = await server.handshake();
    const head = (streamId: number, ...more: Buffer[]): Buffer =>
      frameOf(
        headers,
        frameFlag.endHeaders | frameFlag.endStream,
        streamId,
        Buffer.concat([block(requestFields), ...more]),
      );
    const indexed = (value: string): Buffer => Buffer.from(`@\u0006x-name\u0001${value}`, 'latin1');
    const newest = Buffer.from([0xbe]);
    peer.send(
      head(1, indexed('a')),
      head(3, newest),
      head(5, newest),
      head(7, indexed('b')),
      head(9, newest),
    );
    await bodyOf(peer, 9);
    expect(seen).toEqual(['a', 'a', 'a', 'b', 'b']);
  });

  const without = (name: string) => requestFields.filter(([each]) => each !== name);
  test.each<[string, readonly (readonly [string, string])[]]>([
    ['without :method', without(':method')],
    ['without :scheme', without(':scheme')],
    ['without :path', without(':path')],
    ['with an empty :path', [...without(':path'), [':path', '']]],
    ['with a :path that is none', [...without(':path'), [':path', 'elsewhere']]],
    ['with an empty :method', [...without(':method'), [':method', '']]],
    ['with :method twice', [...requestFields, [':method', 'POST']]],
    ['with host twice', [...requestFields, ['host', 'x'], ['host', 'x']]],
    ['with :authority twice', [...requestFields, [':authority', 'x']]],
    ['with a pseudo-header that is unknown', [...requestFields, [':other', 'x']]],
    ['with the pseudo-header of an answer', [...requestFields, [':status', '200']]],
    ['with a pseudo-header after others', [['x-first', '1'], ...requestFields]],
    [
      'CONNECT with a :path',
      [
        [':method', 'CONNECT'],
        [':authority', 'x'],
        [':path', '/'],
      ],
    ],
    ['CONNECT without :authority', [[':method', 'CONNECT']]],
    ['with a name in upper case', [...requestFields, ['X-Name', '1']]],
    ['with a space in a name', [...requestFields, ['x name', '1']]],
    ['with an empty name', [...requestFields, ['', '1']]],
    ['with a line end in a value', [...requestFields, ['x-name', 'a\r\nb']]],
    ['with a NUL in a value', [...requestFields, ['x-name', 'a\0b']]],
    ['with connection', [...requestFields, ['connection', 'close']]],
    ['with transfer-encoding', [...requestFields, ['transfer-encoding', 'chunked']]],
    ['with upgrade', [...requestFields, ['upgrade', 'h2c']]],
    ['with te other than trailers', [...requestFields, ['te', 'gzip']]],
    ['with a content-length that is no number', [...requestFields, ['content-length', '1x']]],
    [
      'with two content-lengths',
      [...requestFields, ['content-length', '0'], ['content-length', '1']],
    ],
    ['with a content-length and no body', [...requestFields, ['content-length', '1']]],
  ])('%s is refused, and the next one is served', async (_name, fields) => {
    await using server = await openRawServer(echo);
    const peer = await server.handshake();
    for (const streamId of [1, 3]) {
      peer.send(request(streamId, true, fields));
      expect(codeOf(await peer.nextOf(resetStream, streamId))).toBe(errorCode.protocolError);
    }
    peer.send(request(5, true));
    expect(await bodyOf(peer, 5)).toBe('POST 0 {}');
  });

  test.each([
    ['longer', [data(1, 'abcd')]],
    ['shorter', [data(1, 'ab', true)]],
    ['longer in parts', [data(1, 'ab'), data(1, 'cd')]],
    ['shorter, with trailers', [data(1, 'ab'), request(1, true, [['x-sum', '1']])]],
  ])('that is %s than its content-length is refused', async (_name, frames) => {
    await using server = await openRawServer(echo);
    const peer = await server.handshake();
    peer.send(request(1, false, [...requestFields, ['content-length', '3']]), ...frames);
    expect(codeOf(await peer.nextOf(resetStream, 1))).toBe(errorCode.protocolError);
  });

  test.each([
    ['without the end', request(1, false, [['x-sum', '1']])],
    ['with a pseudo-header', request(1, true, [[':path', '/']])],
    ['with a name that is none', request(1, true, [['X-Sum', '1']])],
  ])('trailers %s are refused', async (_name, trailers) => {
    await using server = await openRawServer(echo);
    const peer = await server.handshake();
    peer.send(request(1, false), trailers);
    expect(codeOf(await peer.nextOf(resetStream, 1))).toBe(errorCode.protocolError);
  });
});

describe('a stream that is over', () => {
  test('takes no DATA after its end', async () => {
    await using server = await openRawServer(() => {});
    const peer = await server.handshake();
    peer.send(request(1, true), data(1, 'more'));
    expect(codeOf(await peer.nextOf(resetStream, 1))).toBe(errorCode.streamClosed);
  });

  test('is passed over after our reset, until the peer knows of it', async () => {
    await using server = await openRawServer((stream) =>
      stream.id === 1 ? stream.close(errorCode.cancel) : echo(stream),
    );
    const peer = await server.handshake();
    peer.send(request(1, false));
    await peer.nextOf(resetStream, 1);
    peer.send(
      data(1, 'more'),
      request(1, true, [['x-sum', '1']]),
      frameOf(windowUpdate, 0, 1, uint32(5)),
    );
    peer.send(request(3, true));
    expect(await bodyOf(peer, 3)).toBe('POST 0 {}');
    expect(peer.seen.filter(({ type }) => type === resetStream)).toHaveLength(1);
  });

  test('reports a reset by the peer to its sink, once', async () => {
    const events: string[] = [];
    const closed = Promise.withResolvers<void>();
    await using server = await openRawServer((stream) => {
      stream.receive({
        chunk: (bytes) => events.push(bytes.toString()),
        end: () => events.push('end'),
        cut: () => events.push('cut'),
      });
      stream.whenClosed(() => {
        events.push(`closed, aborted: ${stream.isAborted}`);
        closed.resolve();
      });
    });
    const peer = await server.handshake();
    peer.send(
      request(1, false),
      data(1, 'a'),
      frameOf(resetStream, 0, 1, uint32(errorCode.cancel)),
    );
    peer.socket.destroy();
    await closed.promise;
    expect(events).toEqual(['a', 'cut', 'closed, aborted: true']);
  });

  test('is cut with its connection', async () => {
    const cut = Promise.withResolvers<void>();
    await using server = await openRawServer((stream) =>
      stream.receive({ chunk: () => {}, end: () => {}, cut: cut.resolve }),
    );
    const peer = await server.handshake();
    peer.send(request(1, false), data(1, 'a'));
    await peer.socket.destroy();
    await cut.promise;
    expect(server.faults).toEqual([]);
  });
});

describe('what is asked besides requests', () => {
  test('a PING is answered with what it holds; an answer, unknown frames and settings are passed over', async () => {
    await using server = await openRawServer(echo);
    const peer = await server.handshake();
    peer.send(
      frameOf(ping, frameFlag.ack, 0, Buffer.from('notasked')),
      frameOf(77, 255, 9, Buffer.from('unknown')),
      frameOf(settings, 0, 0, setting(99, 1)),
      frameOf(priority, 0, 7, Buffer.from([0, 0, 0, 1, 0])),
      frameOf(ping, 0, 0, Buffer.from('12345678')),
    );
    const answer = await peer.nextOf(ping);
    expect([answer.flags, answer.payload.toString()]).toEqual([frameFlag.ack, '12345678']);
  });

  test('a smaller table of the peer is acknowledged in the next header block alone', async () => {
    await using server = await openRawServer(echo);
    const peer = await server.handshake(setting(settingId.headerTableSize, 0));
    peer.send(request(1, true), request(3, true));
    expect((await peer.nextOf(headers, 1)).payload[0]).toBe(0x20);
    const second = await peer.nextOf(headers, 3);
    expect(second.payload[0]).toBe(0x88);
    expect(fieldsOf(second)).toMatchObject({
      ':status': '200',
      'content-type': 'text/plain',
      'x-size': '0',
    });
  });

  test('what the application throws ends its stream, and is reported', async () => {
    await using server = await openRawServer((stream) => {
      if (stream.id === 1) throw new Error('on headers');
      stream.receive({
        chunk: () => {
          if (stream.id === 3) throw new Error('on a chunk');
        },
        end: () => {
          if (stream.id === 5) throw new Error('on the end');
          stream.respond(204, {});
          stream.end();
        },
        cut: () => {},
      });
    });
    const peer = await server.handshake();
    peer.send(
      request(1, true),
      request(3, false),
      data(3, 'a'),
      request(5, true),
      request(7, true),
    );
    for (const streamId of [1, 3, 5]) {
      expect(codeOf(await peer.nextOf(resetStream, streamId))).toBe(errorCode.internalError);
    }
    expect(fieldsOf(await peer.nextOf(headers, 7))[':status']).toBe('204');
    expect(server.faults.map(({ message }) => message)).toEqual([
      'on headers',
      'on a chunk',
      'on the end',
    ]);
  });

  test('"go on" comes before the answer', async () => {
    await using server = await openRawServer((stream) => {
      stream.sendContinue();
      echo(stream);
    });
    const peer = await server.handshake();
    peer.send(request(1, false));
    expect(fieldsOf(await peer.nextOf(headers, 1))).toEqual({ ':status': '100' });
    peer.send(data(1, 'a', true));
    const last = await peer.nextOf(headers, 1);
    expect(fieldsOf(last)).toMatchObject({
      ':status': '200',
      date: expect.stringMatching(/ GMT$/),
    });
  });

  test('a field that cannot be sent is reported to the application, which may answer otherwise', async () => {
    await using server = await openRawServer((stream) => {
      expect(() => stream.respond(200, { 'x-bad': 'a\r\nb' })).toThrow(TypeError);
      stream.respond(500, {});
      expect(() => stream.end(undefined, { 'x-bad': '\0' })).toThrow(TypeError);
      stream.end();
    });
    const peer = await server.handshake();
    peer.send(request(1, true));
    expect(fieldsOf(await peer.nextOf(headers, 1))[':status']).toBe('500');
    expect(server.faults).toEqual([]);
  });

  test('headers longer than a frame go out in several', async () => {
    const long = 'x'.repeat(40_000);
    await using server = await openRawServer((stream) => {
      stream.respond(200, { 'x-long': long });
      stream.end(Buffer.from('a'), { 'x-long': long });
    });
    const peer = await server.handshake();
    peer.send(request(1, true));
    await peer.next(
      ({ type, flags }) => type === continuation && (flags & frameFlag.endHeaders) !== 0,
    );
    await peer.next(
      ({ type, flags }) => type === continuation && (flags & frameFlag.endHeaders) !== 0,
    );
    const whole = peer.seen.filter(({ type }) => type === headers || type === continuation);
    expect(whole.map(({ type, flags }) => [type, flags])).toEqual([
      [headers, 0],
      [continuation, 0],
      [continuation, 4],
      [headers, 1],
      [continuation, 0],
      [continuation, 4],
    ]);
    const first = Buffer.concat(whole.slice(0, 3).map(({ payload }) => payload));
    expect(fieldsOf({ ...whole[0]!, payload: first })['x-long']).toBe(long);
  });
});
