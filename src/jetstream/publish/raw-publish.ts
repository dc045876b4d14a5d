import type { NatsConnection } from '@nats-io/nats-core';

/**
 * Collects messages for the socket, as HPUB commands of the protocol:
 * https://docs.nats.io/reference/reference-protocols/nats-protocol#hpub
 *
 * `connection.publish()` checks each subject, creates three arrays for each message and copies each
 * twice. Here the text of all messages of a turn is written once, into one block of bytes.
 */
export interface OutgoingBlock {
  /**
   * Ends the block if a message of `bytes` (headers and payload) would make it too long. Call it
   * before each `add`.
   */
  makeRoom(bytes: number): void;
  add(message: OutgoingMessage, reply: string, payloadBytes: number): void;
  /** Discards the messages of the block. */
  clear(): void;
}

export interface OutgoingMessage {
  readonly subject: string;
  /** ASCII, from `headerBlock`. */
  readonly headers: string;
  readonly payload: Uint8Array | string;
}

/**
 * The maximum length of one block. V8 puts a string beyond 128 KiB into its space for large
 * objects, which is slower than the additional writes.
 */
const textBytesMax = 64 * 1024;

const lineEnd = Buffer.from('\r\n');

/**
 * `onBlock` receives the messages of one turn of the event loop in one or more blocks. A block
 * holds only whole messages.
 */
export function createOutgoingBlock(onBlock: (bytes: Uint8Array) => void): OutgoingBlock {
  /**
   * The messages of a block as one text. It is encoded at once, as Latin-1 if all of it is ASCII.
   */
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

/** The messages of a block that have this reply subject, in order. */
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
    // Text, so that many of them share a write again.
    yield { subject: subject!, headers, payload: block.toString('utf8', payloadAt, end) };
  }
}

/**
 * The header block of a message. Throws a TypeError if a value is not one line of ASCII: such a
 * value could start another header, or change the length of the block.
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
 * Returns a function that writes protocol bytes to a connection and flushes them to the socket, so
 * that NATS works while the rest of a batch is still being read. The methods belong to the client's
 * protocol handler, which its types do not show. The lock file pins the version, and a test
 * publishes through them.
 */
export function createRawSender(connection: NatsConnection): (bytes: Uint8Array) => void {
  const { protocol } = connection as unknown as {
    protocol?: { sendCommand?: (bytes: Uint8Array) => void; flushPending?: () => void };
  };
  if (typeof protocol?.sendCommand !== 'function' || typeof protocol.flushPending !== 'function') {
    throw new TypeError(
      'this version of @nats-io/nats-core has no protocol.sendCommand or no protocol.flushPending',
    );
  }
  return (bytes) => {
    protocol.sendCommand!(bytes);
    protocol.flushPending!();
  };
}
