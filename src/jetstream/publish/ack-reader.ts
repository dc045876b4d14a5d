import type { NatsConnection } from '@nats-io/nats-core';

/** Called with the number at the end of an inbox subject, and where the payload lies. */
export type OnAck = (token: number, bytes: Uint8Array, start: number, end: number) => void;

/** As much of the client's parser as we touch. */
interface Parser {
  state: number;
  parse(bytes: Uint8Array): void;
}

/** The parser's state between two messages. */
const betweenMessages = 0;

/**
 * Reads the acknowledgements among what a connection receives, where they lie: `MSG <inbox><token>
 * <sid> <size>`, a line end, the payload, a line end
 * (https://docs.nats.io/reference/reference-protocols/nats-protocol#msg). Everything else goes on to
 * the client's own parser, which takes each byte through a state machine and makes four objects for
 * each message: a twelfth of what an event of a batch costs (docs/understand/hot-path.md).
 *
 * The parser is behind a class that the client's types do not show, and is made anew for each
 * connect: hence `attach`, which is to be called after each. Without it, or where the client has no
 * such parser, a subscription to the inbox gets the same messages.
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
    /** The beginning of an acknowledgement whose end is still to come. */
    let held: Uint8Array | undefined;
    parser.parse = (received) => {
      const bytes = held === undefined ? received : Buffer.concat([held, received]);
      held = undefined;
      let at = 0;
      while (at < bytes.length && parser.state === betweenMessages) {
        const next = readAckMessage(bytes, at, prefix, onAck);
        if (next === incomplete) {
          // Copied: the client's buffer is large, and would be kept for the sake of a few bytes.
          held = Uint8Array.prototype.slice.call(bytes, at);
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

/** Beyond it the line is none of ours: a token, a subscription's number and a size are short. */
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
    // A reply subject of its own would stand between the number and the size.
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
