/* The frames of HTTP/2: https://www.rfc-editor.org/rfc/rfc9113#section-4.1 and section 6. */

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlag = {
  endStream: 0x1,
  /** The ACK flag of SETTINGS and PING. */
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

/** RFC 9113 §7 */
export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

/** RFC 9113 §6.5.2 */
export const settingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** What a client sends before its first frame (RFC 9113 §3.4). */
export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const frameHeadBytes = 9;

/** The initial values for both sides (RFC 9113 §6.5.2, §6.9.2). */
export const initialWindowBytes = 65_535;
export const initialFrameBytesMax = 16_384;
/** The largest window, and the largest stream id (RFC 9113 §6.9.1, §5.1.1). */
export const int31Max = 0x7fff_ffff;

/**
 * Writes the nine-byte frame header for a payload of `length`. Returns where the payload begins.
 */
export function writeFrameHead(
  target: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  target[at] = length >>> 16;
  target[at + 1] = (length >>> 8) & 0xff;
  target[at + 2] = length & 0xff;
  target[at + 3] = type;
  target[at + 4] = flags;
  return writeUint32(target, at + 5, streamId);
}

export function writeUint32(target: Uint8Array, at: number, value: number): number {
  target[at] = value >>> 24;
  target[at + 1] = (value >>> 16) & 0xff;
  target[at + 2] = (value >>> 8) & 0xff;
  target[at + 3] = value & 0xff;
  return at + 4;
}

export function readUint24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}

/** Reads a stream id or a window increment. The first bit is reserved and ignored. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) & int31Max;
}

/** A whole frame with a payload of four bytes: RST_STREAM, WINDOW_UPDATE. */
export function shortFrame(type: number, streamId: number, value: number): Buffer {
  const frame = Buffer.allocUnsafe(frameHeadBytes + 4);
  writeUint32(frame, writeFrameHead(frame, 0, 4, type, 0, streamId), value);
  return frame;
}

/** A whole frame of the connection (stream 0). */
export function connectionFrame(type: number, flags: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameHeadBytes + payload.length);
  frame.set(payload, writeFrameHead(frame, 0, payload.length, type, flags, 0));
  return frame;
}

/**
 * The peer broke a rule of the connection: GOAWAY reports it and the connection ends (RFC 9113
 * §5.4.1).
 */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export function ruleBroken(text: string): ConnectionError {
  return new ConnectionError(errorCode.protocolError, text);
}

export function flowBroken(text: string): ConnectionError {
  return new ConnectionError(errorCode.flowControlError, text);
}

export function sizeBroken(text: string): ConnectionError {
  return new ConnectionError(errorCode.frameSizeError, text);
}
