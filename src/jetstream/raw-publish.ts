import type { NatsConnection } from '@nats-io/nats-core';

/** A message on its way to the socket. */
export interface OutgoingMessage {
  readonly subject: string;
  /** ASCII, from `headerBlock`. */
  readonly headers: string;
  readonly payload: Uint8Array | string;
  /** The end of the reply subject. */
  readonly token: number;
}

/** Blocks are of this size; a message that is larger has one of its own. */
const blockBytes = 128 * 1024;

/**
 * Writes messages one behind the other in the form of the protocol's HPUB:
 * https://docs.nats.io/reference/reference-protocols/nats-protocol#hpub
 *
 * `connection.publish()` checks each subject, makes three arrays for each message and copies each
 * twice; here the text of all messages of a turn goes into one block, once.
 */
export function writeMessages(
  messages: readonly OutgoingMessage[],
  inbox: string,
  payloadBytesMax: number,
  onTooLarge: (token: number) => void,
): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  let block = Buffer.allocUnsafeSlow(blockBytes);
  let at = 0;
  for (const { subject, headers, payload, token } of messages) {
    const isText = typeof payload === 'string';
    const payloadBytes = isText ? Buffer.byteLength(payload) : payload.length;
    const total = headers.length + payloadBytes;
    if (total > payloadBytesMax) {
      onTooLarge(token);
      continue;
    }
    const head = `HPUB ${subject} ${inbox}${token.toString(36)} ${headers.length} ${total}\r\n${headers}`;
    const needed = head.length + payloadBytes + 2;
    if (at + needed > block.length) {
      if (at > 0) blocks.push(block.subarray(0, at));
      block = Buffer.allocUnsafeSlow(Math.max(blockBytes, needed));
      at = 0;
    }
    at += block.write(head, at, 'latin1');
    if (isText) at += block.write(payload, at, 'utf8');
    else {
      block.set(payload, at);
      at += payloadBytes;
    }
    block[at] = 13;
    block[at + 1] = 10;
    at += 2;
  }
  if (at > 0) blocks.push(block.subarray(0, at));
  return blocks;
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
