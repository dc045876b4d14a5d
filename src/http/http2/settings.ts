import {
  connectionFrame,
  flowBroken,
  frameType,
  initialFrameBytesMax,
  initialWindowBytes,
  int31Max,
  readUint32,
  ruleBroken,
  settingId,
  shortFrame,
  sizeBroken,
} from './frames.ts';
import type { Http2Limits } from './limits.ts';

/**
 * The settings of a SETTINGS frame that matter to a server. Undefined if the frame does not set
 * them.
 */
export interface PeerSettings {
  headerTableSize: number | undefined;
  initialWindowSize: number | undefined;
  maxFrameSize: number | undefined;
}

const settingBytes = 6;
const frameBytesMax = 2 ** 24 - 1;

/**
 * Reads the payload of SETTINGS (RFC 9113 §6.5). If a setting is repeated, the last value counts.
 * SETTINGS_MAX_HEADER_LIST_SIZE is advice about answers. It is ignored because our answers have few
 * headers.
 */
export function readSettings(bytes: Buffer, from: number, to: number): PeerSettings {
  if ((to - from) % settingBytes !== 0) {
    throw sizeBroken(`SETTINGS has ${to - from} bytes`);
  }
  const settings: PeerSettings = {
    headerTableSize: undefined,
    initialWindowSize: undefined,
    maxFrameSize: undefined,
  };
  for (let at = from; at < to; at += settingBytes) {
    const id = (bytes[at]! << 8) | bytes[at + 1]!;
    const value = readUint32(bytes, at + 2);
    if (id === settingId.headerTableSize) {
      // Use the smallest value in the frame: it decides which entries had to be evicted.
      settings.headerTableSize = Math.min(settings.headerTableSize ?? value, value);
    } else if (id === settingId.enablePush && value > 1) {
      throw ruleBroken(`SETTINGS_ENABLE_PUSH is ${value}`);
    } else if (id === settingId.initialWindowSize) {
      if (value > int31Max) {
        throw flowBroken(`SETTINGS_INITIAL_WINDOW_SIZE is ${value}`);
      }
      settings.initialWindowSize = value;
    } else if (id === settingId.maxFrameSize) {
      if (value < initialFrameBytesMax || value > frameBytesMax) {
        throw ruleBroken(`SETTINGS_MAX_FRAME_SIZE is ${value}`);
      }
      settings.maxFrameSize = value;
    }
  }
  return settings;
}

/**
 * The first frames of a connection: our settings, and the larger window for all streams together.
 */
export function openingFrames(limits: Http2Limits): Buffer {
  const settings = [
    [settingId.maxConcurrentStreams, limits.streamsMax],
    [settingId.initialWindowSize, limits.streamWindowBytes],
    [settingId.maxHeaderListSize, limits.headerListBytesMax],
  ] as const;
  const payload = Buffer.alloc(settings.length * settingBytes);
  settings.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * settingBytes);
    payload.writeUInt32BE(value, index * settingBytes + 2);
  });
  const increment = limits.connectionWindowBytes - initialWindowBytes;
  const frames = [connectionFrame(frameType.settings, 0, payload)];
  if (increment > 0) frames.push(shortFrame(frameType.windowUpdate, 0, increment));
  return Buffer.concat(frames);
}
