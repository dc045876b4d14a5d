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
  /** The bytes of everything added, in blocks of at most a mebibyte or one message. Empties it. */
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

interface Piece {
  /** The command line and the headers. */
  readonly head: string;
  readonly payload: Uint8Array | string;
  readonly bytes: number;
}

const blockBytesMax = 1024 * 1024;

export function createOutgoingBlock(): OutgoingBlock {
  let pieces: Piece[] = [];
  let bytesAdded = 0;

  return {
    add: ({ subject, reply, headers, payload }, payloadBytesMax) => {
      const payloadBytes =
        typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
      const total = headers.length + payloadBytes;
      if (total > payloadBytesMax) return false;
      const head = `HPUB ${subject} ${reply} ${headers.length} ${total}\r\n${headers}`;
      const bytes = head.length + payloadBytes + 2;
      pieces.push({ head, payload, bytes });
      bytesAdded += bytes;
      return true;
    },
    take: () => {
      const taken = pieces;
      let left = bytesAdded;
      pieces = [];
      bytesAdded = 0;
      const blocks: Uint8Array[] = [];
      let next = 0;
      while (next < taken.length) {
        // Small turns get a slice of Node's pool; a large one memory of its own.
        const size = Math.max(Math.min(left, blockBytesMax), taken[next]!.bytes);
        const block = Buffer.allocUnsafe(size);
        let at = 0;
        while (next < taken.length && at + taken[next]!.bytes <= size) {
          at = writePiece(block, at, taken[next]!);
          next += 1;
        }
        left -= at;
        blocks.push(block.subarray(0, at));
      }
      return blocks;
    },
    clear: () => {
      pieces = [];
      bytesAdded = 0;
    },
  };
}

function writePiece(block: Buffer, from: number, { head, payload }: Piece): number {
  let at = from + block.write(head, from, 'latin1');
  if (typeof payload === 'string') at += block.write(payload, at, 'utf8');
  else {
    block.set(payload, at);
    at += payload.length;
  }
  block[at] = 13;
  block[at + 1] = 10;
  return at + 2;
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
