import type { Conduct } from './conduct.ts';
import {
  connectionFrame,
  errorCode,
  flowBroken,
  frameFlag,
  frameType,
  int31Max,
  readUint31,
  ruleBroken,
  sizeBroken,
} from './frames.ts';
import type { FrameSender } from './sender.ts';
import { readSettings } from './settings.ts';
import type { Http2Stream } from './stream.ts';
import type { StreamTable } from './stream-table.ts';

/** What control frames need from their connection. */
export interface ControlOwner {
  readonly streams: StreamTable;
  readonly sender: FrameSender;
  readonly conduct: Conduct;
  /** The largest stream id that the peer has used. 0 if it has begun no stream. */
  readonly lastStreamId: number;
  readonly isDraining: boolean;
  /** True once the peer's first SETTINGS have arrived. */
  hasSettings: boolean;
  /** Counts a frame that asks for work. Throws a ConnectionError if the peer has sent too many. */
  spend(amount: number, isEmpty?: boolean): void;
  /** Sends a whole frame on the connection (stream 0). */
  say(frame: Buffer): void;
  /** Sends the waiting frames at the end of this turn of the event loop. */
  schedule(): void;
  queueToSend(stream: Http2Stream): void;
  /** Resets a stream because of what the peer did, with `code` (RFC 9113 §7). */
  refuse(stream: Http2Stream, code: number): void;
  close(stream: Http2Stream, isAborted: boolean): void;
  /** Accepts no more streams, and ends the connection once the open ones have ended. */
  sendFinalGoAway(): void;
}

const pingBytes = 8;
/** The payload of a ping. Its answer shows that the peer has read our GOAWAY. */
export const drainPing = Buffer.from('farewell', 'latin1');
/** RFC 9113 §6.5.2 */
const tableBytesDefault = 4096;
const noPayload = Buffer.alloc(0);

/* How a connection handles frames that are not part of a request: RFC 9113 §6.3 to §6.9. */

export function takeReset(connection: ControlOwner, id: number, length: number): void {
  if (length !== 4) throw sizeBroken(`RST_STREAM has ${length} bytes`);
  if (id === 0 || id > connection.lastStreamId)
    throw ruleBroken('RST_STREAM is for a stream that was not begun');
  connection.conduct.countReset();
  const stream = connection.streams.get(id);
  if (stream !== undefined) connection.close(stream, true);
}

export function takeSettings(
  connection: ControlOwner,
  flags: number,
  id: number,
  bytes: Buffer,
  from: number,
  to: number,
): void {
  if (id !== 0) throw ruleBroken('SETTINGS are for a stream');
  if ((flags & frameFlag.ack) !== 0) {
    if (to > from) throw sizeBroken('an acknowledgement has settings');
    if (!connection.hasSettings) throw ruleBroken('the first frame is not SETTINGS');
    connection.spend(1);
    return;
  }
  // Each SETTINGS frame may change the window of every stream.
  if (connection.hasSettings) connection.spend(16);
  connection.hasSettings = true;
  const { sender } = connection;
  const { headerTableSize, initialWindowSize, maxFrameSize } = readSettings(bytes, from, to);
  if (headerTableSize !== undefined && headerTableSize < tableBytesDefault)
    sender.mustSayTableSize = true;
  if (maxFrameSize !== undefined) sender.frameBytesMax = maxFrameSize;
  if (initialWindowSize !== undefined) {
    const change = initialWindowSize - sender.streamWindow;
    sender.streamWindow = initialWindowSize;
    for (const stream of connection.streams.values()) {
      stream.sending.windowLeft += change;
      if (stream.sending.windowLeft > int31Max) throw flowBroken('a window grows beyond 2^31-1');
      if (change > 0 && stream.sending.bytesWaiting > 0) connection.queueToSend(stream);
    }
  }
  connection.say(connectionFrame(frameType.settings, frameFlag.ack, noPayload));
}

export function takePing(
  connection: ControlOwner,
  flags: number,
  id: number,
  bytes: Buffer,
  from: number,
  to: number,
): void {
  if (id !== 0) throw ruleBroken('PING is for a stream');
  if (to - from !== pingBytes) throw sizeBroken('PING has not 8 bytes');
  connection.spend(1);
  const payload = bytes.subarray(from, to);
  if ((flags & frameFlag.ack) === 0)
    connection.say(connectionFrame(frameType.ping, frameFlag.ack, payload));
  else if (connection.isDraining && drainPing.equals(payload)) connection.sendFinalGoAway();
}

export function takeGoAway(connection: ControlOwner, id: number, length: number): void {
  if (id !== 0) throw ruleBroken('GOAWAY is for a stream');
  if (length < 8) throw sizeBroken('GOAWAY is too short');
  connection.spend(1);
  connection.sendFinalGoAway();
}

export function takeWindowUpdate(
  connection: ControlOwner,
  id: number,
  bytes: Buffer,
  from: number,
  to: number,
): void {
  if (to - from !== 4) {
    throw sizeBroken(`WINDOW_UPDATE has ${to - from} bytes`);
  }
  connection.spend(1);
  const increment = readUint31(bytes, from);
  if (id === 0) {
    if (increment === 0) throw ruleBroken('WINDOW_UPDATE adds nothing');
    const { sender } = connection;
    if (sender.windowLeft + increment > int31Max) throw flowBroken('a window grows beyond 2^31-1');
    sender.openWindow(increment);
    if (sender.hasWork) connection.schedule();
    return;
  }
  if (id > connection.lastStreamId)
    throw ruleBroken('WINDOW_UPDATE is for a stream that was not begun');
  const stream = connection.streams.get(id);
  if (stream === undefined) return;
  if (increment === 0) connection.refuse(stream, errorCode.protocolError);
  else if (stream.sending.windowLeft + increment > int31Max)
    connection.refuse(stream, errorCode.flowControlError);
  else {
    stream.sending.windowLeft += increment;
    if (stream.sending.bytesWaiting > 0) connection.queueToSend(stream);
  }
}

/** Checked and otherwise ignored: RFC 9113 §5.3.2. */
export function takePriority(
  connection: ControlOwner,
  id: number,
  bytes: Buffer,
  from: number,
  to: number,
): void {
  if (id === 0) throw ruleBroken('PRIORITY is for the connection');
  if (to - from !== 5) throw sizeBroken('PRIORITY has not 5 bytes');
  if (readUint31(bytes, from) === id) throw ruleBroken('a stream depends on itself');
  connection.spend(1);
}
