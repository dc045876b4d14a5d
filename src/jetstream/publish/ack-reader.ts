import type { NatsConnection } from '@nats-io/nats-core';

/** Called with the number at the end of an inbox subject, and with the range of the payload. */
export type OnAck = (token: number, bytes: Uint8Array, start: number, end: number) => void;

/** The part of the client's parser that we use. */
interface Parser {
  state: number;
  parse(bytes: Uint8Array): void;
}

/** The parser's state between two messages. */
const betweenMessages = 0;

/**
 * Reads acknowledgements from the bytes that a connection receives, in place: `MSG <inbox><token>
 * <sid> <size>`, a line end, the payload, a line end
 * (https://docs.nats.io/reference/reference-protocols/nats-protocol#msg). All other bytes go to the
 * client's own parser. That parser runs each byte through a state machine and creates four objects
 * for each message, a twelfth of the cost of an event in a batch (docs/understand/hot-path.md).
 *
 * The client's types do not show the parser, and the client creates a new one on each connect, so
 * call `attach` after each connect. Without `attach`, or if the client has no such parser, a
 * subscription to the inbox receives the same messages.
 */
export function createAckReader(connection: NatsConnection, inbox: string, onAck: OnAck) {
  const prefix = Buffer.from(`MSG ${inbox}`, 'latin1');
  let attached: Parser | undefined;

  const attach = (): void => {
    const { protocol } = connection as unknown as { protocol?: { parser?: Parser } };
    const parser = protocol?.parser;
    if (parser === undefined || parser === attached || typeof parser.parse !== 'function') return;
    attached = parser;
    const parse = parser.parse.bind(parser);
    /** The first part of an acknowledgement that is not complete yet. */
    let partial: Uint8Array | undefined;
    parser.parse = (received) => {
      const bytes = partial === undefined ? received : Buffer.concat([partial, received]);
      partial = undefined;
      let at = 0;
      while (at < bytes.length && parser.state === betweenMessages) {
        const next = readAckMessage(bytes, at, prefix, onAck);
        if (next === incomplete) {
          // Copy the bytes, because a view would keep the client's large buffer in memory.
          partial = Uint8Array.prototype.slice.call(bytes, at);
          return;
        }
        if (next === otherMessage) break;
        at = next;
      }
      if (at < bytes.length) parse(at === 0 ? bytes : bytes.subarray(at));
    };
  };
  return { attach };
}

const otherMessage = -1;
const incomplete = -2;

const space = 0x20;
const carriageReturn = 0x0d;
const nine = 0x39;

/** A longer line is no acknowledgement: a token, a subscription number and a size are short. */
const lineBytesMax = 64;

/** The offset behind the acknowledgement at `from`, `otherMessage` or `incomplete`. */
function readAckMessage(bytes: Uint8Array, from: number, prefix: Uint8Array, onAck: OnAck): number {
  const { length } = bytes;
  const prefixEnd = Math.min(from + prefix.length, length);
  let at = from;
  for (; at < prefixEnd; at += 1) if (bytes[at] !== prefix[at - from]) return otherMessage;
  if (at < from + prefix.length) return incomplete;
  const lineEnd = Math.min(length, at + lineBytesMax);
  let token = 0;
  for (; at < lineEnd && bytes[at] !== space; at += 1) {
    const code = bytes[at]!;
    token = token * 36 + (code <= nine ? code - 0x30 : code - 0x61 + 10);
  }
  at += 1;
  while (at < lineEnd && bytes[at] !== space) at += 1;
  at += 1;
  let size = 0;
  for (; at < lineEnd && bytes[at] !== carriageReturn; at += 1) {
    const digit = bytes[at]! - 0x30;
    // If the message has a reply subject, it is between the subscription number and the size.
    if (digit < 0 || digit > 9) return otherMessage;
    size = size * 10 + digit;
  }
  if (at >= lineEnd) return lineEnd === length ? incomplete : otherMessage;
  const start = at + 2;
  const end = start + size;
  if (end + 2 > length) return incomplete;
  onAck(token, bytes, start, end);
  return end + 2;
}
