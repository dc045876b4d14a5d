/**
 * What one connection may ask of us. limits.test.ts has a case for each: at the limit, and at one more.
 *
 * Memory of a connection is bounded by: streamsMax requests, each with at most streamWindowBytes that
 * nobody has taken yet (all together connectionWindowBytes), one header block, and what the socket holds.
 */
export interface Http2Limits {
  /**
   * Streams of a connection at once, those included that the peer reset and that are still worked on:
   * a reset frees no place, or requests could be begun without end (CVE-2023-44487, "rapid reset").
   */
  readonly streamsMax: number;
  /** The header list as RFC 9113 §6.5.2 counts it: 32 bytes for each field. Above: 431. */
  readonly headerListBytesMax: number;
  /** A header block as it is sent, before it is decoded (CVE-2024-27316, "CONTINUATION flood"). */
  readonly headerBlockBytesMax: number;
  /** Frames of one header block after its first: empty ones would never reach the bytes' limit. */
  readonly continuationFramesMax: number;
  /** How much a peer may send on one stream before the application took it (RFC 9113 §6.9). */
  readonly streamWindowBytes: number;
  /** The same for all streams of the connection together. */
  readonly connectionWindowBytes: number;
  /**
   * Streams that end in a reset, by the peer (CVE-2023-44487) or by us because of what it sent
   * (CVE-2025-8671, "MadeYouReset"), and streams beyond streamsMax: so many at once, so many more a
   * second, and one for each answer that was taken to its end.
   */
  readonly resetsBurst: number;
  readonly resetsPerSecond: number;
  /**
   * Frames that ask for work and bring nothing: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA,
   * unknown ones (CVE-2019-9511 to 9518). Earned back by time, requests and bytes.
   */
  readonly controlFramesBurst: number;
  readonly controlFramesPerSecond: number;
  /** Answers to PING and SETTINGS that wait for a slow reader; beyond it, nothing more is read. */
  readonly controlBytesWaitingMax: number;
  /** A connection's first frames, or a frame or header block that has begun, arrive in this time. */
  readonly frameTimeoutMs: number;
  /** An answer that the peer takes less than stallBytesMin of in this time is given up. */
  readonly stallTimeoutMs: number;
  readonly stallBytesMin: number;
  /** How long a peer has for what is left of a request after its answer was sent. */
  readonly lingerMs: number;
  /** A peer that got GOAWAY answers the ping after it in this time, or is taken to have read it. */
  readonly goAwayTimeoutMs: number;
}

export const defaultLimits: Http2Limits = {
  streamsMax: 1000,
  headerListBytesMax: 32 * 1024,
  headerBlockBytesMax: 64 * 1024,
  continuationFramesMax: 32,
  streamWindowBytes: 1024 * 1024,
  connectionWindowBytes: 16 * 1024 * 1024,
  // A client with streamsMax calls under way gives up all of them at its deadline, and once more.
  resetsBurst: 2000,
  resetsPerSecond: 100,
  controlFramesBurst: 10_000,
  controlFramesPerSecond: 1000,
  controlBytesWaitingMax: 16 * 1024,
  frameTimeoutMs: 10_000,
  stallTimeoutMs: 30_000,
  stallBytesMin: 1024,
  lingerMs: 1000,
  goAwayTimeoutMs: 1000,
};
