import type { NatsConnection } from '@nats-io/nats-core';

/**
 * Messages on their way to the socket, in the form of the protocol's HPUB:
 * https://docs.nats.io/reference/reference-protocols/nats-protocol#hpub
 *
 * `connection.publish()` checks each subject, makes three arrays for each message and copies each
 * twice; here the text of all messages of a turn goes into one block of bytes, once.
 */
export interface OutgoingBlock {
  /**
   * Ends the block if a message of `bytes` (its headers and its payload) would make it too long: call
   * it before each `add`.
   */
  makeRoom(bytes: number): void;
  add(message: OutgoingMessage, reply: string, payloadBytes: number): void;
  /** Forgets it. */
  clear(): void;
}

export interface OutgoingMessage {
  readonly subject: string;
  /** ASCII, from `headerBlock`. */
  readonly headers: string;
  readonly payload: Uint8Array | string;
}

/**
 * Text that is written as one: a string beyond 128 KiB goes to V8's space for large objects, which
 * is slower than this many writes.
 */
const textBytesMax = 64 * 1024;

const lineEnd = Buffer.from('\r\n');

/**
 * `onBlock` gets the bytes of whole messages: those of one turn of the event loop, in one block or in
 * several.
 */
export function createOutgoingBlock(onBlock: (bytes: Uint8Array) => void): OutgoingBlock {
  /** The messages of a block as one text: written at once, and where all is ASCII as Latin-1. */
  let text = '';
  let textBytes = 0;
  let isScheduled = false;

  const end = (): void => {
    if (textBytes === 0) return;
    const bytes = Buffer.from(text, textBytes === text.length ? 'latin1' : 'utf8');
    text = '';
    textBytes = 0;
    onBlock(bytes);
  };
  const endTurn = (): void => {
    isScheduled = false;
    end();
  };

  return {
    makeRoom: (bytes) => {
      if (textBytes + bytes > textBytesMax) end();
    },
    add: ({ subject, headers, payload }, reply, payloadBytes) => {
      const total = headers.length + payloadBytes;
      const head = `HPUB ${subject} ${reply} ${headers.length} ${total}\r\n${headers}`;
      if (typeof payload === 'string') {
        text += `${head}${payload}\r\n`;
        textBytes += head.length + payloadBytes + lineEnd.length;
        if (isScheduled) return;
        isScheduled = true;
        setImmediate(endTurn);
      } else {
        end();
        onBlock(Buffer.concat([Buffer.from(head, 'latin1'), payload, lineEnd]));
      }
    },
    clear: () => {
      text = '';
      textBytes = 0;
    },
  };
}

/** The messages of a block that have this reply subject, in their order. */
export function* messagesIn(bytes: Uint8Array, reply: string): Generator<OutgoingMessage> {
  const block = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < block.length;) {
    const headersAt = block.indexOf(lineEnd, at) + lineEnd.length;
    const words = block.toString('latin1', at, headersAt - lineEnd.length).split(' ');
    const [, subject, replyTo, headersBytes, totalBytes] = words;
    const payloadAt = headersAt + Number(headersBytes);
    const end = headersAt + Number(totalBytes);
    at = end + lineEnd.length;
    if (replyTo !== reply) continue;
    const headers = block.toString('latin1', headersAt, payloadAt);
    yield { subject: subject!, headers, payload: block.subarray(payloadAt, end) };
  }
}

/**
 * The header block of a message. Throws a TypeError when a value is not one line of ASCII: it would
 * begin a header of its own, or change the block's length.
 */
export function headerBlock(headers: Readonly<Record<string, string>>): string {
  let text = 'NATS/1.0\r\n';
  for (const name in headers) {
    const value = headers[name]!;
    if (!/^[\u0020-\u007e]*$/.test(value)) {
      throw new TypeError(`the header ${name} is not one line of ASCII`);
    }
    text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}

/**
 * Hands bytes of the protocol to a connection as they are, and those to the socket at once: NATS works
 * while the rest of a batch is still read. The client's protocol handler has these methods, behind a
 * class that its types do not show; the exact version is in the lock file, and a test publishes
 * through them.
 */
export function createRawSender(connection: NatsConnection): (bytes: Uint8Array) => void {
  const { protocol } = connection as unknown as {
    protocol?: { sendCommand?: (bytes: Uint8Array) => void; flushPending?: () => void };
  };
  if (typeof protocol?.sendCommand !== 'function' || typeof protocol.flushPending !== 'function') {
    throw new TypeError(
      'this version of @nats-io/nats-core has no protocol.sendCommand, or flushPending',
    );
  }
  return (bytes) => {
    protocol.sendCommand!(bytes);
    protocol.flushPending!();
  };
}
