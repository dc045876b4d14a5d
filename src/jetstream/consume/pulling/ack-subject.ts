import { numberIn } from '../../../event/digits.ts';

/** What `readAckSubject` has read last. One object, because it is read for every event. */
export const acknowledged = {
  /** How often the log has delivered the message. */
  deliveries: 0,
  /** In its stream. */
  sequence: 0,
  /** A Unix time in ms, with its fraction. */
  storedAtMs: 0,
};

/**
 * Tokens of the subject that acknowledges a message: `$JS.ACK`, the names of the stream and its consumer, deliveries,
 * position, position in the consumer, time in ns, pending. Servers put a domain and an account before the names, and then
 * a random token at the end: 12 tokens instead of 9 (ADR 15 in nats-io/nats-architecture-and-design).
 */
const plainTokens = 9;
const tokensMax = 12;
/** The first of the numbers. */
const [plainNumbersAt, numbersAt] = [4, 6];
/** Of the digits of a time in ns, those below a millisecond. */
const fractionDigits = 6;

const dot = 0x2e;
/** Where each token begins, and behind the last one where a next one would. */
const tokens = Array.from({ length: tokensMax + 1 }, () => 0);

/** Reads the subject in place: texts of its tokens would be most of what a message costs. False if it is another one. */
export function readAckSubject(bytes: Uint8Array, from: number, end: number): boolean {
  let count = 1;
  tokens[0] = from;
  for (let at = from; at < end; at += 1) {
    if (bytes[at] !== dot) continue;
    if (count < tokensMax) tokens[count] = at + 1;
    count += 1;
  }
  if (count < plainTokens) return false;
  tokens[Math.min(count, tokensMax)] = end + 1;
  const first = count === plainTokens ? plainNumbersAt : numbersAt;
  acknowledged.deliveries = numberAt(bytes, first);
  acknowledged.sequence = numberAt(bytes, first + 1);
  acknowledged.storedAtMs = timeIn(bytes, tokens[first + 3]!, tokens[first + 4]! - 1);
  return true;
}

function numberAt(bytes: Uint8Array, token: number): number {
  return numberIn(bytes, tokens[token]!, tokens[token + 1]! - 1);
}

/** In two parts: a time in ns has more digits than a double. */
function timeIn(bytes: Uint8Array, from: number, end: number): number {
  const fractionAt = Math.max(from, end - fractionDigits);
  return numberIn(bytes, from, fractionAt) + numberIn(bytes, fractionAt, end) / 1_000_000;
}
