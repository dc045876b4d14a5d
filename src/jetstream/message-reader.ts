import {
  MsgHdrsImpl,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type Subscription,
} from '@nats-io/nats-core';

import { numberIn } from '../event/digits.ts';

/** The part of a message that pulls use. */
export interface ReceivedMessage extends Pick<Msg, 'subject' | 'reply' | 'data' | 'headers'> {
  /** As the server counts: subject, reply, headers and payload. */
  size(): number;
}

/** A message whose headers are not parsed yet. */
export interface MessageOfBytes extends ReceivedMessage {
  /** From `NATS/1.0` to the empty line, as the server sent them. */
  headerText(): string;
  /** Has its reply subject read in place. Returns what `read` returns. */
  readReply(read: ReadPlace): boolean;
  /** Copies it, so that it no longer keeps all that came with it from the socket. */
  detach(): void;
}

type ReadPlace = (bytes: Uint8Array, from: number, end: number) => boolean;

/** Reads the messages of pulls and pages from the bytes that a connection receives. */
export interface MessageReader {
  /** Call it after each connect: the client then has a new parser. */
  attach(): void;
  /**
   * `receive` gets the messages of a subscription that have headers. A status of the server, and what has no
   * headers, go to its callback. The returned function ends this.
   */
  listen(subscription: Subscription, receive: Receive): () => void;
}

type Receive = (message: MessageOfBytes) => void;

/** The part of the client's parser that we use. */
interface Parser {
  state: number;
  parse(bytes: Uint8Array): void;
}

/** The parser's state between two messages. */
const betweenMessages = 0;

const readers = new WeakMap<NatsConnection, MessageReader>();

/**
 * The reader of a connection. The client's parser runs each byte of a line through a state machine, reads
 * the line once more, and makes ten objects for a message; this costs a worker a fifth of an event. Here a
 * line is read once: `HMSG <subject> <sid> [reply] <header bytes> <total bytes>`
 * (https://docs.nats.io/reference/reference-protocols/nats-protocol#hmsg). Everything else goes to the
 * client's parser, in whole messages.
 *
 * The client's types do not show the parser. Without it, the callbacks get all messages.
 */
export function messageReaderOf(connection: NatsConnection): MessageReader {
  const known = readers.get(connection);
  if (known !== undefined) return known;
  const receivers = new Map<number, Receive>();
  let attached: Parser | undefined;
  const reader: MessageReader = {
    attach: () => {
      const { protocol } = connection as unknown as { protocol?: { parser?: Parser } };
      const parser = protocol?.parser;
      if (parser === undefined || parser === attached || typeof parser.parse !== 'function') return;
      attached = parser;
      intercept(parser, receivers);
    },
    listen: (subscription, receive) => {
      reader.attach();
      const id = subscription.getID();
      receivers.set(id, receive);
      return () => void receivers.delete(id);
    },
  };
  readers.set(connection, reader);
  return reader;
}

/** nats-server ends a line at 4 KiB by default; only its INFO may be longer. */
const lineBytesMax = 64 * 1024;
/** The most that a server can be configured to take, and the client's limit too. */
const messageBytesMax = 64 * 1024 * 1024;

function intercept(parser: Parser, receivers: ReadonlyMap<number, Receive>): void {
  const parse = parser.parse.bind(parser);
  /** The beginning of a line. */
  let line: Buffer | undefined;
  /** A message of known length, of which `filled` bytes have arrived. */
  let message: Buffer | undefined;
  let filled = 0;

  /** Reads all that is complete, and keeps the rest. */
  const readAll = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length;) {
      const end = readHead(bytes, at);
      if (end === unreadable || parser.state !== betweenMessages) return parse(bytes.subarray(at));
      if (end === incomplete) {
        // Copies, because a view would keep the client's large buffer in memory.
        line = Buffer.from(bytes.subarray(at));
        return;
      }
      if (end > bytes.length) {
        message = Buffer.allocUnsafe(end - at);
        filled = bytes.copy(message, 0, at);
        return;
      }
      const receive =
        words >= headedWords ? receivers.get(numberIn(bytes, ends[1]! + 1, ends[2]!)) : undefined;
      if (receive === undefined || isStatus(bytes)) parse(bytes.subarray(at, end));
      else receive(new UnparsedMessage(bytes, end));
      at = end;
    }
  };

  parser.parse = (received) => {
    let bytes = Buffer.from(received.buffer, received.byteOffset, received.length);
    if (message !== undefined) {
      const taken = bytes.copy(message, filled);
      filled += taken;
      if (filled < message.length) return;
      const whole = message;
      message = undefined;
      readAll(whole);
      bytes = bytes.subarray(taken);
    } else if (line !== undefined) {
      bytes = Buffer.concat([line, bytes]);
      line = undefined;
    }
    readAll(bytes);
  };
}

/**
 * A class, because one is created for every event. It keeps places instead of texts: a worker holds thousands of
 * events for longer than the collector takes to come, and each text of them would be copied twice.
 */
class UnparsedMessage implements MessageOfBytes {
  data: Uint8Array;
  #bytes: Buffer;
  #subjectAt: number;
  #subjectEnd: number;
  #replyAt: number;
  #replyEnd: number;
  readonly #headerBytes: number;
  #headers: MsgHdrs | undefined = undefined;

  /** The message whose line `readHead` has just read; it ends at `end`. */
  constructor(bytes: Buffer, end: number) {
    const [command = 0, subject = 0, id = 0, reply = 0] = ends;
    this.#bytes = bytes;
    this.#subjectAt = command + 1;
    this.#subjectEnd = subject;
    this.#replyAt = id + 1;
    this.#replyEnd = words === repliedWords ? reply : id + 1;
    this.#headerBytes = headerBytes;
    this.data = bytes.subarray(contentOffset() + headerBytes, end - 2);
  }

  get subject(): string {
    return this.#bytes.toString('utf8', this.#subjectAt, this.#subjectEnd);
  }

  get reply(): string {
    return this.#bytes.toString('utf8', this.#replyAt, this.#replyEnd);
  }

  readReply(read: ReadPlace): boolean {
    return read(this.#bytes, this.#replyAt, this.#replyEnd);
  }

  /** Parsed at the first look. */
  get headers(): MsgHdrs {
    const { buffer, byteOffset } = this.data;
    const bytes = this.#headerBytes;
    this.#headers ??= MsgHdrsImpl.decode(new Uint8Array(buffer, byteOffset - bytes, bytes));
    return this.#headers;
  }

  headerText(): string {
    const { buffer, byteOffset } = this.data;
    const bytes = this.#headerBytes;
    return Buffer.from(buffer, byteOffset - bytes, bytes).toString();
  }

  detach(): void {
    const from = this.#subjectAt;
    const dataAt = this.data.byteOffset - this.#bytes.byteOffset;
    // Not from the pool, which others would keep for as long.
    const copy = Buffer.allocUnsafeSlow(dataAt + this.data.length - from);
    this.#bytes.copy(copy, 0, from);
    this.#bytes = copy;
    this.#subjectAt = 0;
    this.#subjectEnd -= from;
    this.#replyAt -= from;
    this.#replyEnd -= from;
    this.data = copy.subarray(dataAt - from);
  }

  size(): number {
    const names = this.#subjectEnd - this.#subjectAt + this.#replyEnd - this.#replyAt;
    return names + this.#headerBytes + this.data.length;
  }
}

const incomplete = -1;
const unreadable = -2;

const space = 0x20;
const carriageReturn = 0x0d;
const letterH = 0x48;
const letterM = 0x4d;

/** Where each word of the line ends that `readHead` has read. One array, because a line comes with every event. */
const ends = [0, 0, 0, 0, 0, 0];
/** HMSG, subject, sid, header bytes, total bytes; and the reply subject before the numbers. */
const headedWords = 5;
const repliedWords = 6;
/** 0 unless it is a line of HMSG. */
let words = 0;
let headerBytes = 0;

/** Where the headers begin of the message whose line `readHead` has just read. */
function contentOffset(): number {
  return ends[words - 1]! + 2;
}

const statusOffset = 'NATS/1.0'.length;

/** Whether that message is a status of the server: `NATS/1.0 404 No Messages`. */
function isStatus(bytes: Uint8Array): boolean {
  return bytes[contentOffset() + statusOffset] === space;
}

/**
 * Reads a line at `from`. Returns the offset behind it and behind the message that it announces;
 * `incomplete` if the line is, `unreadable` if the protocol has no such line.
 */
function readHead(bytes: Uint8Array, from: number): number {
  const { length } = bytes;
  words = 0;
  let at = from;
  for (; at < length; at += 1) {
    const byte = bytes[at]!;
    if (byte > space) continue;
    if (words < repliedWords) ends[words] = at;
    words += 1;
    if (byte === carriageReturn) break;
  }
  if (at + 2 > length) return at - from > lineBytesMax ? unreadable : incomplete;
  const first = bytes[from];
  if (first !== letterH && first !== letterM) {
    words = 0;
    return at + 2;
  }
  // The last word of MSG and HMSG is the length of what follows.
  if (words < 4 || words > repliedWords) return unreadable;
  const total = numberIn(bytes, ends[words - 2]! + 1, at);
  if (first === letterM) words = 0;
  else if (words >= headedWords) {
    headerBytes = numberIn(bytes, ends[words - 3]! + 1, ends[words - 2]!);
    if (!(headerBytes <= total)) return unreadable;
  }
  return total <= messageBytesMax ? at + 2 + total + 2 : unreadable;
}
