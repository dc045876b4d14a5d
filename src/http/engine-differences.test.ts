import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { checkRequests } from './check-requests.ts';
import {
  answerAtOnce,
  engines,
  forStreams,
  openEngineServer,
  pour,
  type EngineName,
} from './engine-peer.fixture.ts';
import type { HttpCall } from './http-call.ts';
import { errorCode, frameFlag, frameType, settingId } from './http2/frames.ts';
import {
  block,
  codeOf,
  data,
  fieldsOf,
  frameOf,
  request,
  requestFields,
  setting,
  uint32,
  type RawPeer,
} from './http2/raw-peer.fixture.ts';

/*
 * The limits that our servers enforce and Node's cannot: what each engine does, asserted for both.
 * The table in docs/operate/http-engines.md has a row for each, with its cost. If a new version of
 * Node closes a gap, the test fails here and the row is removed.
 */

interface EngineDifference {
  /** The first cell of the row in docs/operate/http-engines.md. */
  readonly bound: string;
  /** Why Node behaves differently. */
  readonly reason: string;
  readonly own: string;
  readonly node: string;
  /** Provokes the difference, and returns a short description of what happened. */
  readonly outcome: (engine: EngineName) => Promise<string>;
}

const { headers, resetStream, goAway, settings, windowUpdate, continuation, ping } = frameType;
const nothing = (): void => {};

const reset = (streamId: number): Buffer =>
  frameOf(resetStream, 0, streamId, uint32(errorCode.cancel));

/**
 * Resolves with the first event: an answer on the stream, its reset, or the end of the connection.
 */
async function outcomeOf(peer: RawPeer, streamId: number): Promise<string> {
  const frame = await peer.next(
    ({ type, streamId: id }) =>
      type === goAway || ((type === headers || type === resetStream) && id === streamId),
  );
  if (frame.type === headers) return `status ${fieldsOf(frame)[':status']}`;
  return `${frame.type === goAway ? 'connection ended' : 'stream reset'}, code ${codeOf(frame)}`;
}

const differences: readonly EngineDifference[] = [
  {
    bound: 'One stream more than 1,000',
    reason: 'nghttp2 takes a stream beyond the acknowledged SETTINGS as a fault of the connection.',
    own: `stream reset, code ${errorCode.refusedStream}`,
    node: `connection ended, code ${errorCode.protocolError}`,
    outcome: async (engine) => {
      await using server = await openEngineServer(engine, nothing, { streamsMax: 2 });
      const peer = await server.handshake();
      peer.send(request(1, true), request(3, true), request(5, true));
      return await outcomeOf(peer, 5);
    },
  },
  {
    bound: 'Headers above 32 KiB',
    reason: 'Node resets the stream in its native code; no event lets us answer instead.',
    own: 'status 431',
    node: `stream reset, code ${errorCode.enhanceYourCalm}`,
    outcome: async (engine) => {
      await using server = await openEngineServer(engine, answerAtOnce, {
        headerListBytesMax: 300,
      });
      const peer = await server.handshake();
      peer.send(request(1, true, [...requestFields, ['x-long', 'a'.repeat(300)]]));
      return await outcomeOf(peer, 1);
    },
  },
  {
    bound: 'Frames of one header block',
    reason: 'nghttp2 has a limit of its own, 8 CONTINUATION frames, that Node cannot set.',
    own: 'status 200',
    node: `connection ended, code ${errorCode.internalError}`,
    outcome: async (engine) => {
      await using server = await openEngineServer(engine, answerAtOnce);
      const peer = await server.handshake();
      const none = Buffer.alloc(0);
      const more = Array.from({ length: 8 }, () => frameOf(continuation, 0, 1, none));
      peer.send(
        frameOf(headers, frameFlag.endStream, 1, block(requestFields)),
        ...more,
        frameOf(continuation, frameFlag.endHeaders, 1, none),
      );
      return await outcomeOf(peer, 1);
    },
  },
  {
    bound: 'Floods of WINDOW_UPDATE',
    reason: 'nghttp2 handles the frame and does not report it to Node.',
    own: `connection ended, code ${errorCode.enhanceYourCalm}`,
    node: 'status 200',
    outcome: async (engine) => {
      const limits = { controlFramesBurst: 100, controlFramesPerSecond: 0 };
      await using server = await openEngineServer(engine, answerAtOnce, limits);
      const peer = await server.handshake();
      const more = Array.from({ length: 1000 }, () => frameOf(windowUpdate, 0, 0, uint32(1)));
      peer.send(...more, request(1, true));
      return await outcomeOf(peer, 1);
    },
  },
  {
    bound: 'Calls that a busy caller gives up',
    reason: 'nghttp2 allows so many resets a second; answers that are taken earn none back.',
    own: 'served',
    node: `connection ended, code ${errorCode.internalError}`,
    outcome: async (engine) => {
      const limits = { resetsBurst: 5, resetsPerSecond: 1 };
      await using server = await openEngineServer(
        engine,
        (call) => (call.url === '/' ? answerAtOnce(call) : undefined),
        limits,
      );
      const peer = await server.handshake();
      const slow = requestFields.map(
        ([name, value]) => [name, value === '/' ? '/slow' : value] as const,
      );
      const code = await pour(
        peer,
        forStreams(1, 40, (streamId) =>
          streamId % 4 === 1
            ? [request(streamId, true)]
            : [request(streamId, true, slow), reset(streamId)],
        ),
      );
      return code === undefined ? 'served' : `connection ended, code ${code}`;
    },
  },
  {
    bound: 'Malformed requests on a long-lived connection',
    reason: 'Node counts invalid frames over the life of a session; time earns none of them back.',
    own: 'served',
    node: `connection ended, code ${errorCode.internalError}`,
    outcome: async (engine) => {
      const limits = { resetsBurst: 5, resetsPerSecond: 1000 };
      await using server = await openEngineServer(engine, answerAtOnce, limits);
      const peer = await server.handshake();
      for (const group of forStreams(1, 20, (id) => [request(id, true, [[':path', '/']])])) {
        const code = await pour(peer, [group]);
        if (code !== undefined) return `connection ended, code ${code}`;
        await sleep(5);
      }
      return 'served';
    },
  },
  {
    bound: 'DATA on a stream that has ended',
    reason: 'nghttp2 takes several faults of one stream as faults of the connection.',
    own: `stream reset, code ${errorCode.streamClosed}`,
    node: `connection ended, code ${errorCode.streamClosed}`,
    outcome: async (engine) => {
      await using server = await openEngineServer(engine, nothing);
      const peer = await server.handshake();
      peer.send(request(1, true), data(1, 'a'));
      return await outcomeOf(peer, 1);
    },
  },
  {
    bound: 'A frame that never ends',
    reason:
      'nghttp2 does not tell whether it waits for the rest of a frame: the idle timeout ends it.',
    own: 'ended by the time of a frame',
    node: 'ended by the idle timeout',
    outcome: async (engine) => {
      const limits = { frameTimeoutMs: 30, goAwayTimeoutMs: 20 };
      await using server = await openEngineServer(engine, nothing, limits, 600);
      const peer = await server.handshake();
      const startedAt = performance.now();
      peer.send(frameOf(headers, 0, 1, block(requestFields)));
      await peer.closed();
      return performance.now() - startedAt < 500
        ? 'ended by the time of a frame'
        : 'ended by the idle timeout';
    },
  },
  {
    bound: 'An answer that its caller does not take',
    reason: 'Node knows how much a connection has sent, not how much of one stream.',
    own: `stream reset, code ${errorCode.cancel}`,
    node: 'kept while other answers of the connection are taken',
    outcome: async (engine) => {
      await using server = await openEngineServer(
        engine,
        answerAtOnce,
        { stallTimeoutMs: 100 },
        200,
      );
      const peer = await server.handshake(setting(settingId.initialWindowSize, 0));
      peer.send(request(1, true));
      for (let streamId = 3; streamId < 61; streamId += 2) {
        peer.send(request(streamId, true), frameOf(windowUpdate, 0, streamId, uint32(100)));
        await sleep(20);
      }
      const given = peer.seen.find(({ type, streamId }) => type === resetStream && streamId === 1);
      return given === undefined
        ? 'kept while other answers of the connection are taken'
        : `stream reset, code ${codeOf(given)}`;
    },
  },
  {
    bound: 'Unread bytes of all streams of a connection',
    reason: 'Node opens the window of the connection as bytes arrive, whoever reads them.',
    own: `connection ended, code ${errorCode.flowControlError}`,
    node: 'bounded by the windows of its streams alone',
    outcome: async (engine) => {
      const limits = { streamWindowBytes: 65_535, connectionWindowBytes: 65_535 };
      await using server = await openEngineServer(engine, nothing, limits);
      const peer = await server.handshake();
      for (const streamId of [1, 3, 5]) {
        peer.send(request(streamId, false));
        for (let sent = 0; sent < 4; sent += 1) peer.send(data(streamId, Buffer.alloc(16_000)));
      }
      peer.send(frameOf(ping, 0, 0, Buffer.alloc(8)));
      const frame = await peer.next(({ type }) => type === ping || type === goAway);
      return frame.type === ping
        ? 'bounded by the windows of its streams alone'
        : `connection ended, code ${codeOf(frame)}`;
    },
  },
  {
    bound: 'Bytes that a caller may send ahead on one stream',
    reason:
      'As nothing else bounds them all, the window of a stream is the 64 KiB of the standard.',
    own: 'window 1048576',
    node: 'window 65535',
    outcome: async (engine) => {
      await using server = await openEngineServer(engine, nothing);
      const peer = await server.handshake();
      const { payload } = peer.seen.find(({ type, flags }) => type === settings && flags === 0)!;
      for (let at = 0; at < payload.length; at += 6) {
        if (payload.readUInt16BE(at) === settingId.initialWindowSize) {
          return `window ${payload.readUInt32BE(at + 2)}`;
        }
      }
      return 'window 65535';
    },
  },
  {
    bound: 'Answers of a connection that its caller does not read',
    reason: 'Node counts the memory of a session, and only against a limit of 256 MB.',
    own: `stream reset, code ${errorCode.refusedStream}`,
    node: 'served',
    outcome: async (engine) => {
      await using server = await openEngineServer(engine, answerAtOnce, { unreadBytesMax: 1 });
      const peer = await server.handshake(setting(settingId.initialWindowSize, 0));
      peer.send(request(1, true), request(3, true));
      const frame = await peer.next(({ streamId }) => streamId === 3);
      return frame.type === headers ? 'served' : `stream reset, code ${codeOf(frame)}`;
    },
  },
  {
    bound: 'A request that crosses our goodbye',
    reason: 'Node says goodbye in one step, with the last stream it will serve.',
    own: 'status 200',
    node: 'not served; GOAWAY says that it may be sent again',
    outcome: async (engine) => {
      await using server = await openEngineServer(engine, answerAtOnce);
      const peer = await server.handshake();
      server.shutDown();
      peer.send(request(1, true));
      const frame = await peer.next(
        ({ type, payload }) =>
          type === headers || (type === goAway && payload.readUInt32BE(0) < 2 ** 31 - 1),
      );
      if (frame.type === headers) return `status ${fieldsOf(frame)[':status']}`;
      const last = frame.payload.readUInt32BE(0);
      return last === 0
        ? 'not served; GOAWAY says that it may be sent again'
        : `GOAWAY, last ${last}`;
    },
  },
  {
    bound: 'A control character in a header',
    reason: 'nghttp2 leaves out the field and goes on.',
    own: 'given to the endpoint',
    node: 'left out',
    outcome: async (engine) => {
      const seen: unknown[] = [];
      const handle = (call: HttpCall): void => {
        seen.push(call.headers['x-odd']);
        answerAtOnce(call);
      };
      await using server = await openEngineServer(engine, handle);
      const peer = await server.handshake();
      peer.send(request(1, true, [...requestFields, ['x-odd', 'a\u0001b']]));
      await peer.nextOf(headers, 1);
      return seen[0] === undefined ? 'left out' : 'given to the endpoint';
    },
  },
  {
    bound: 'A character in `:authority` that no URL may have',
    reason: 'nghttp2 resets the stream; no event lets us answer instead.',
    own: 'status 400',
    node: `stream reset, code ${errorCode.protocolError}`,
    outcome: async (engine) => {
      const handle = checkRequests(answerAtOnce);
      await using server = await openEngineServer(engine, handle);
      const peer = await server.handshake();
      const fields = requestFields.map(
        ([name, value]) => [name, name === ':authority' ? 'a b' : value] as const,
      );
      peer.send(request(1, true, fields));
      return await outcomeOf(peer, 1);
    },
  },
];

describe.each(engines)('engine differences: %s', (engine) => {
  test.each(differences)('$bound', async (difference) => {
    expect(await difference.outcome(engine)).toBe(difference[engine]);
  });
});

describe('the list of engine differences', () => {
  const page = readFileSync(new URL('../../docs/operate/http-engines.md', import.meta.url), 'utf8');

  test.each(differences)('$bound: differs, has a reason, and a row in the docs', (difference) => {
    expect(difference.own).not.toBe(difference.node);
    expect(difference.reason.length).toBeGreaterThan(30);
    expect(page).toContain(`\n| ${difference.bound} |`);
  });
});
