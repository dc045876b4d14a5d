import { defaultLinger } from '../linger.ts';

/**
 * The limits of one connection. limits.test.ts has a case for each: at the limit, and one above it.
 *
 * The memory of a connection is bounded by streamsMax requests, each with at most streamWindowBytes
 * that the application has not taken yet (together at most connectionWindowBytes), one header
 * block, and what the socket buffers.
 */
export interface Http2Limits {
  /**
   * Concurrent streams of a connection. A stream that the peer reset counts while the application
   * still works on it: if a reset freed the slot, a peer could begin any number of requests
   * (CVE-2023-44487, "rapid reset").
   */
  readonly streamsMax: number;
  /**
   * The size of the header list as RFC 9113 §6.5.2 counts it: 32 bytes extra for each field. Above
   * the limit: 431.
   */
  readonly headerListBytesMax: number;
  /**
   * The size of an encoded header block, before it is decoded (CVE-2024-27316, "CONTINUATION
   * flood").
   */
  readonly headerBlockBytesMax: number;
  /**
   * Frames of one header block after its first. Empty frames would never reach the limit in bytes.
   */
  readonly continuationFramesMax: number;
  /** Bytes that a peer may send on one stream before the application takes them (RFC 9113 §6.9). */
  readonly streamWindowBytes: number;
  /** The same for all streams of the connection together. */
  readonly connectionWindowBytes: number;
  /**
   * Streams that end in a reset, by the peer (CVE-2023-44487) or by us because of what it sent
   * (CVE-2025-8671), and streams beyond streamsMax. The budget allows a number at once, a number
   * per second, and one more for each answer that was sent to its end.
   */
  readonly resetsBurst: number;
  readonly resetsPerSecond: number;
  /**
   * Frames that ask for work and carry nothing useful: PING, SETTINGS, PRIORITY, WINDOW_UPDATE,
   * empty DATA, unknown frames (CVE-2019-9511 to 9518), and DATA of a few bytes. Time, requests and
   * sent bytes refill the budget.
   */
  readonly controlFramesBurst: number;
  readonly controlFramesPerSecond: number;
  /**
   * The same without DATA that carries something: a body may come in many small parts, but no
   * client has reason to send many of the others. A connection of an address that was cut off
   * before has a part of both budgets (http/connections/flooders.ts).
   */
  readonly emptyFramesBurst: number;
  readonly emptyFramesPerSecond: number;
  /**
   * Bytes of answers to PING and SETTINGS that wait for a slow reader. Above the limit, reading
   * stops.
   */
  readonly controlBytesWaitingMax: number;
  /**
   * Bytes of answers that wait for the peer, on one connection. Above the limit, its new requests are
   * refused with REFUSED_STREAM, which counts as a reset (resetsBurst).
   */
  readonly unreadBytesMax: number;
  /**
   * The same for all connections of the server. Above the limit, the connection that holds most is
   * closed.
   */
  readonly serverUnreadBytesMax: number;
  /**
   * The time within which a connection's first frames arrive, or the rest of a frame or header
   * block.
   */
  readonly frameTimeoutMs: number;
  /** An answer is given up if the peer takes less than stallBytesMin of it within this time. */
  readonly stallTimeoutMs: number;
  readonly stallBytesMin: number;
  /**
   * How long the rest of a request may still arrive after its answer was sent: in all, with less
   * than 1 KiB, and how many bytes (http/linger.ts). RST_STREAM with NO_ERROR then ends it. Some callers
   * (Java's HttpClient) send their whole request before they look at the answer, and take a stream
   * that was reset for one that waits.
   */
  readonly lingerMs: number;
  readonly lingerIdleMs: number;
  readonly lingerBytesMax: number;
  /**
   * How long a peer may take to answer the ping that follows GOAWAY. After that, we assume it has
   * read both.
   */
  readonly goAwayTimeoutMs: number;
}

export const defaultLimits: Http2Limits = {
  streamsMax: 1000,
  headerListBytesMax: 32 * 1024,
  headerBlockBytesMax: 64 * 1024,
  continuationFramesMax: 32,
  streamWindowBytes: 1024 * 1024,
  connectionWindowBytes: 16 * 1024 * 1024,
  // At its deadline, a client with streamsMax open calls gives up all of them. The budget allows
  // that twice.
  resetsBurst: 2000,
  resetsPerSecond: 100,
  controlFramesBurst: 10_000,
  controlFramesPerSecond: 1000,
  // As nghttp2: 1,000 answers to SETTINGS and PING. Browsers send 10 PRIORITY, gRPC a PING a read.
  emptyFramesBurst: 1000,
  emptyFramesPerSecond: 100,
  controlBytesWaitingMax: 16 * 1024,
  unreadBytesMax: 16 * 1024 * 1024,
  serverUnreadBytesMax: 256 * 1024 * 1024,
  frameTimeoutMs: 10_000,
  stallTimeoutMs: 30_000,
  stallBytesMin: 1024,
  lingerMs: defaultLinger.lingerMs,
  lingerIdleMs: defaultLinger.idleMs,
  lingerBytesMax: defaultLinger.bytesMax,
  goAwayTimeoutMs: 1000,
};
