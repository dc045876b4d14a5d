import { expect, vi } from 'vitest';

import { idleBytesMin } from '../linger.ts';
import { errorCode, frameFlag, frameType, int31Max, settingId } from './frames.ts';
import { fieldOverheadBytes } from './headers/hpack-decode.ts';
import type { Http2Limits } from './limits.ts';
import {
  block,
  codeOf,
  data,
  fieldsOf,
  frameOf,
  request,
  requestFields,
  setting,
  settled,
  uint32,
  type RawPeer,
  type RawServer,
  type SeenFrame,
} from './raw-peer.fixture.ts';
import type { Http2Stream } from './stream.ts';

/*
 * Tests each limit with a server that has it: the limit itself is served, one more is refused, and
 * the same amount is served again when the limit is one higher. This proves that no other limit
 * refused it.
 */

export interface LimitCase {
  /** The page or file that describes the refusal. */
  readonly rule: string;
  /** A small limit that a test can reach. */
  readonly limit: number;
  /** The distance from the limit to the first refused amount. */
  readonly step?: number;
  readonly others?: Partial<Http2Limits>;
  readonly onStream?: (stream: Http2Stream) => void;
  /** The test moves the clock: for timeouts, and for budgets that refill with time. */
  readonly movesClock?: true;
  /** Sends as much as `amount`. Resolves with the result: see `fate`. */
  readonly put: (server: RawServer, amount: number) => Promise<string>;
  readonly refusal: string;
}

const { headers, resetStream, goAway, settings, ping, windowUpdate, continuation } = frameType;
const noPayload = Buffer.alloc(0);
export const served = '200';
const calm = 'GOAWAY enhanceYourCalm';
/** How often the server checks the timeouts of its connections. */
const sweepMs = 1000;
const largerThanSockets = 64 * 1024 * 1024;

const pings = (count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => frameOf(ping, 0, 0, Buffer.alloc(8))));
const openWindow = (streamId: number, bytes: number): Buffer =>
  frameOf(windowUpdate, 0, streamId, uint32(bytes));

function answer(stream: Http2Stream): void {
  stream.receive({ chunk: () => {}, end: () => {}, cut: () => {} });
  stream.respond(200, {});
  stream.end();
}

/** An application that answers complete requests and ignores the others. */
export function answerWhole(stream: Http2Stream): void {
  if (stream.isRequestEnded) answer(stream);
}

/** Answers stream 1 with a body of this size. */
const answerWith =
  (bytes: number) =>
  (stream: Http2Stream): void => {
    if (stream.id !== 1) return answer(stream);
    stream.respond(200, {});
    stream.end(Buffer.alloc(bytes));
  };

/** The first of them is the acknowledgement of the greeting. */
const putPings: LimitCase['put'] = async (server, amount) => {
  const peer = await server.handshake();
  peer.send(pings(amount - 1));
  return outcomeOfRequest(peer, 1);
};

/** A second after ten others. */
const putPingsAfterTen: LimitCase['put'] = async (server, amount) => {
  const peer = await server.handshake();
  peer.send(pings(9));
  await server.hasRead(peer);
  vi.advanceTimersByTime(1000);
  peer.send(pings(amount));
  return outcomeOfRequest(peer, 1);
};

const rule = 'RFC 9113 §10.5';
const burstCase = (others: Partial<Http2Limits>): LimitCase =>
  ({ rule, limit: 20, others, put: putPings, refusal: calm }) as const;
const rateCase = (others: Partial<Http2Limits>): LimitCase =>
  ({ rule, limit: 5, others, movesClock: true, put: putPingsAfterTen, refusal: calm }) as const;

/** Answers with one byte each, which wait for the window. */
const putUnread: LimitCase['put'] = async (server, amount) => {
  const peer = await server.handshake(setting(settingId.initialWindowSize, 0));
  for (let id = 1; id < 2 * amount; id += 2) peer.send(request(id, true));
  await settled(peer);
  // Those before were answered with their headers.
  return outcomeOfRequest(peer, 2 * amount + 1);
};
const answerByte = (stream: Http2Stream): void => {
  stream.respond(200, {});
  stream.end(Buffer.alloc(1));
};

/** The server's first reaction: it refused something, or answered the stream (with its status). */
async function fate(peer: RawPeer, streamId: number): Promise<string> {
  const endsStream = ({ type, streamId: id, payload }: SeenFrame): boolean => {
    // The last id is the largest: the server still accepts new streams (RFC 9113 §6.8).
    if (type === goAway) return payload.readUInt32BE(0) !== int31Max;
    return type === resetStream || (type === headers && id === streamId);
  };
  for (;;) {
    const frame = peer.seen.find(endsStream);
    if (frame === undefined) await peer.next(() => true);
    else if (frame.type === headers) return fieldsOf(frame)[':status']!;
    else {
      const [code] = Object.entries(errorCode).find(([, number]) => number === codeOf(frame))!;
      return `${frame.type === goAway ? 'GOAWAY' : 'RST_STREAM'} ${code}`;
    }
  }
}

function outcomeOfRequest(peer: RawPeer, streamId: number): Promise<string> {
  peer.send(request(streamId, true));
  return fate(peer, streamId);
}

/**
 * Once the server has read everything sent, moves the clock by `ms` except for the last
 * millisecond.
 */
async function waitFor(server: RawServer, peer: RawPeer, ms: number): Promise<void> {
  await server.hasRead(peer);
  vi.advanceTimersByTime(ms - 1);
}

/** The sweep starts the time of a state when it first sees it. */
async function waitForSweep(server: RawServer, peer: RawPeer): Promise<void> {
  await server.hasRead(peer);
  vi.advanceTimersByTime(sweepMs);
}

/** Opens streams and resets them. Returns the next id. */
function sendResets(peer: RawPeer, firstId: number, count: number): number {
  const end = firstId + 2 * count;
  for (let id = firstId; id < end; id += 2)
    peer.send(request(id, false), frameOf(resetStream, 0, id, uint32(errorCode.cancel)));
  return end;
}

/** DATA in frames of at most 10,000 bytes, on each of the streams in turn. */
function sendData(peer: RawPeer, streamIds: readonly number[], bytes: number): void {
  for (const id of streamIds) peer.send(request(id, false));
  for (let sent = 0, turn = 0; sent < bytes; sent += 10_000, turn += 1)
    peer.send(
      data(streamIds[turn % streamIds.length]!, Buffer.alloc(Math.min(bytes - sent, 10_000))),
    );
}

/** A peer that has requested an answer and then takes `bytes` of its body. */
async function slowReader(server: RawServer, bytes: number): Promise<RawPeer> {
  const peer = await server.handshake(setting(settingId.initialWindowSize, 0));
  peer.send(request(1, true));
  await peer.nextOf(headers, 1);
  await waitForSweep(server, peer);
  if (bytes > 0) peer.send(openWindow(1, bytes));
  await settled(peer);
  return peer;
}

/** HEADERS and CONTINUATION of a request with a header block of this size. */
function blockOfSize(bytes: number): Buffer[] {
  const fixed = block([...requestFields, ['x-long', 'a'.repeat(127)]]).length - 127;
  const whole = block([...requestFields, ['x-long', 'a'.repeat(bytes - fixed)]]);
  expect(whole.length).toBe(bytes);
  return [
    frameOf(headers, frameFlag.endStream, 1, whole.subarray(0, 100)),
    frameOf(continuation, frameFlag.endHeaders, 1, whole.subarray(100)),
  ];
}

/** Frames whose answers have this size: 17 bytes for each PING, 9 for each SETTINGS. */
function askedBytes(bytes: number): Buffer {
  const acknowledgements = Array.from({ length: 17 }, (_each, count) => count);
  const count = acknowledgements.find((each) => (bytes - 9 * each) % 17 === 0)!;
  const all = Array.from({ length: count }, () => frameOf(settings, 0, 0, noPayload));
  return Buffer.concat([...all, pings((bytes - 9 * count) / 17)]);
}

export const limitCases: Readonly<Record<keyof Http2Limits, LimitCase>> = {
  streamsMax: {
    rule: 'RFC 9113 §5.1.2',
    limit: 3,
    onStream: (stream) => stream.respond(200, {}),
    put: async (server, amount) => {
      const peer = await server.handshake();
      for (let id = 1; id < 2 * amount; id += 2) peer.send(request(id, true));
      return fate(peer, 2 * amount - 1);
    },
    refusal: 'RST_STREAM refusedStream',
  },
  headerListBytesMax: {
    rule: 'RFC 9113 §10.5.1, RFC 6585 §5',
    limit: 1000,
    put: async (server, amount) => {
      const peer = await server.handshake();
      const fields = [...requestFields, ['x-long', ''] as const];
      const least = fields.flat().join('').length + fields.length * fieldOverheadBytes;
      const long = ['x-long', 'a'.repeat(amount - least)] as const;
      peer.send(request(1, true, [...requestFields, long]));
      return fate(peer, 1);
    },
    refusal: '431',
  },
  headerBlockBytesMax: {
    rule: 'RFC 9113 §10.5',
    limit: 400,
    put: async (server, amount) => {
      const peer = await server.handshake();
      peer.send(...blockOfSize(amount));
      return fate(peer, 1);
    },
    refusal: calm,
  },
  continuationFramesMax: {
    rule: 'RFC 9113 §10.5',
    limit: 4,
    put: async (server, amount) => {
      const peer = await server.handshake();
      peer.send(frameOf(headers, frameFlag.endStream, 1, block(requestFields)));
      for (let sent = 1; sent < amount; sent += 1)
        peer.send(frameOf(continuation, 0, 1, noPayload));
      peer.send(frameOf(continuation, frameFlag.endHeaders, 1, noPayload));
      return fate(peer, 1);
    },
    refusal: calm,
  },
  streamWindowBytes: {
    rule: 'RFC 9113 §6.9.1',
    limit: 25_000,
    put: async (server, amount) => {
      const peer = await server.handshake();
      sendData(peer, [1], amount);
      return outcomeOfRequest(peer, 3);
    },
    refusal: 'RST_STREAM flowControlError',
  },
  connectionWindowBytes: {
    rule: 'RFC 9113 §6.9.1',
    // It cannot be smaller: a connection begins with 65,535.
    limit: 70_000,
    put: async (server, amount) => {
      const peer = await server.handshake();
      sendData(peer, [1, 3], amount);
      return outcomeOfRequest(peer, 5);
    },
    refusal: 'GOAWAY flowControlError',
  },
  resetsBurst: {
    rule: 'RFC 9113 §10.5',
    limit: 10,
    others: { resetsPerSecond: 0 },
    put: async (server, amount) => {
      const peer = await server.handshake();
      return outcomeOfRequest(peer, sendResets(peer, 1, amount));
    },
    refusal: calm,
  },
  resetsPerSecond: {
    rule: 'RFC 9113 §10.5',
    limit: 3,
    others: { resetsBurst: 5 },
    movesClock: true,
    put: async (server, amount) => {
      const peer = await server.handshake();
      const next = sendResets(peer, 1, 5);
      await server.hasRead(peer);
      vi.advanceTimersByTime(1000);
      return outcomeOfRequest(peer, sendResets(peer, next, amount));
    },
    refusal: calm,
  },
  controlFramesBurst: burstCase({ controlFramesPerSecond: 0 }),
  controlFramesPerSecond: rateCase({ controlFramesBurst: 10 }),
  emptyFramesBurst: burstCase({ emptyFramesPerSecond: 0 }),
  emptyFramesPerSecond: rateCase({ emptyFramesBurst: 10 }),
  controlBytesWaitingMax: {
    rule: 'RFC 9113 §10.5',
    limit: 170,
    others: { unreadBytesMax: 2 ** 30, controlFramesBurst: 1e6, emptyFramesBurst: 1e6 },
    onStream: answerWith(largerThanSockets),
    put: async (server, amount) => {
      const peer = await server.handshake(setting(settingId.initialWindowSize, int31Max));
      peer.socket.pause();
      peer.send(openWindow(0, 2 ** 30), request(1, true));
      await server.isBlocked(peer);
      peer.send(askedBytes(amount));
      await server.hasRead(peer);
      peer.send(request(3, true));
      await server.hasRead(peer);
      const wasServed = server.asked.includes(3);
      peer.socket.resume();
      expect(await fate(peer, 3)).toBe(served);
      return wasServed ? served : 'served once the peer reads';
    },
    refusal: 'served once the peer reads',
  },
  unreadBytesMax: {
    rule: 'RFC 9113 §10.5',
    limit: 10,
    onStream: answerByte,
    put: putUnread,
    refusal: 'RST_STREAM refusedStream',
  },
  serverUnreadBytesMax: {
    rule: 'RFC 9113 §10.5',
    limit: 10,
    onStream: answerByte,
    put: putUnread,
    refusal: calm,
  },
  frameTimeoutMs: {
    rule: 'RFC 9113 §10.5',
    limit: 3 * sweepMs,
    step: sweepMs,
    movesClock: true,
    put: async (server, amount) => {
      const peer = await server.handshake();
      const [start, end] = blockOfSize(300);
      peer.send(start!);
      await waitForSweep(server, peer);
      await waitFor(server, peer, amount);
      peer.send(end!);
      return fate(peer, 1);
    },
    refusal: calm,
  },
  stallTimeoutMs: {
    rule: 'RFC 9113 §10.5',
    limit: 3 * sweepMs,
    step: sweepMs,
    movesClock: true,
    onStream: answerWith(5000),
    put: async (server, amount) => {
      const peer = await slowReader(server, 0);
      await waitFor(server, peer, amount);
      return outcomeOfRequest(peer, 3);
    },
    refusal: 'RST_STREAM cancel',
  },
  stallBytesMin: {
    rule: 'RFC 9113 §10.5',
    limit: 100,
    step: -1,
    others: { stallTimeoutMs: 3 * sweepMs },
    movesClock: true,
    onStream: answerWith(5000),
    put: async (server, amount) => {
      const peer = await slowReader(server, amount);
      await waitFor(server, peer, 4 * sweepMs);
      return outcomeOfRequest(peer, 3);
    },
    refusal: 'RST_STREAM cancel',
  },
  lingerMs: {
    rule: 'RFC 9113 §8.1',
    limit: 3 * sweepMs,
    step: sweepMs,
    others: { lingerIdleMs: 60_000 },
    movesClock: true,
    onStream: answer,
    put: async (server, amount) => {
      const peer = await server.handshake();
      peer.send(request(1, false));
      await peer.nextOf(headers, 1);
      await waitForSweep(server, peer);
      await waitFor(server, peer, amount);
      return outcomeOfRequest(peer, 3);
    },
    refusal: 'RST_STREAM noError',
  },
  lingerIdleMs: {
    rule: 'RFC 9113 §8.1',
    limit: 3 * sweepMs,
    step: sweepMs,
    movesClock: true,
    onStream: answer,
    put: async (server, amount) => {
      const peer = await server.handshake();
      peer.send(request(1, false));
      await peer.nextOf(headers, 1);
      await waitForSweep(server, peer);
      await waitFor(server, peer, amount - sweepMs);
      // The time begins anew with each part of the body.
      peer.send(data(1, Buffer.alloc(idleBytesMin)));
      await waitFor(server, peer, amount + 1);
      return outcomeOfRequest(peer, 3);
    },
    refusal: 'RST_STREAM noError',
  },
  lingerBytesMax: {
    rule: 'RFC 9113 §8.1',
    limit: 1000,
    onStream: answer,
    put: async (server, amount) => {
      const peer = await server.handshake();
      peer.send(request(1, false));
      await peer.nextOf(headers, 1);
      peer.send(data(1, Buffer.alloc(amount)));
      return outcomeOfRequest(peer, 3);
    },
    refusal: 'RST_STREAM noError',
  },
  goAwayTimeoutMs: {
    rule: 'RFC 9113 §6.8',
    limit: 500,
    movesClock: true,
    put: async (server, amount) => {
      const peer = await server.handshake();
      server.server.shutDown();
      await waitFor(server, peer, amount);
      return outcomeOfRequest(peer, 1);
    },
    refusal: 'GOAWAY noError',
  },
};
