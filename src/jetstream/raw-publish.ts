import type { NatsConnection } from '@nats-io/nats-core';

/**
 * Messages on their way to the socket, in the form of the protocol's HPUB:
 * https://docs.nats.io/reference/reference-protocols/nats-protocol#hpub
 *
 * `connection.publish()` checks each subject, makes three arrays for each message and copies each
 * twice; here the text of all messages of a turn goes into one block of bytes, once.
 */
export interface OutgoingBlock {
  /** False: the message is larger than NATS takes, and was not added. */
  add(message: OutgoingMessage, payloadBytesMax: number): boolean;
  /** The bytes of everything added, in blocks of whole messages. Empties it. */
  take(): Uint8Array[];
  clear(): void;
}

export interface OutgoingMessage {
  readonly subject: string;
  readonly reply: string;
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

export function createOutgoingBlock(): OutgoingBlock {
  let blocks: Uint8Array[] = [];
  /** The messages of a block as one text: written at once, and where all is ASCII as Latin-1. */
  let text = '';
  let textBytes = 0;

  const endText = (): void => {
    if (textBytes === 0) return;
    blocks.push(Buffer.from(text, textBytes === text.length ? 'latin1' : 'utf8'));
    text = '';
    textBytes = 0;
  };

  return {
    add: ({ subject, reply, headers, payload }, payloadBytesMax) => {
      const payloadBytes =
        typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
      const total = headers.length + payloadBytes;
      if (total > payloadBytesMax) return false;
      const head = `HPUB ${subject} ${reply} ${headers.length} ${total}\r\n${headers}`;
      const bytes = head.length + payloadBytes + 2;
      if (textBytes > 0 && textBytes + bytes > textBytesMax) endText();
      if (typeof payload === 'string') {
        text += `${head}${payload}\r\n`;
        textBytes += bytes;
      } else {
        endText();
        blocks.push(Buffer.concat([Buffer.from(head, 'latin1'), payload, lineEnd]));
      }
      return true;
    },
    take: () => {
      endText();
      const taken = blocks;
      blocks = [];
      return taken;
    },
    clear: () => {
      blocks = [];
      text = '';
      textBytes = 0;
    },
  };
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
 * Hands bytes of the protocol to a connection as they are. The client's protocol handler has this
 * method, behind a class that its types do not show; the exact version is in the lock file, and a
 * test publishes through it.
 */
export function createRawSender(connection: NatsConnection): (bytes: Uint8Array) => void {
  const { protocol } = connection as unknown as {
    protocol?: { sendCommand?: (bytes: Uint8Array) => void };
  };
  if (typeof protocol?.sendCommand !== 'function') {
    throw new TypeError('this version of @nats-io/nats-core has no protocol.sendCommand');
  }
  return (bytes) => protocol.sendCommand!(bytes);
}
