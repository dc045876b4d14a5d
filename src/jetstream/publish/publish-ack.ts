import { PublishError, publishErrorOf } from './publish-error.ts';

/** The position of a stored message in its stream. */
export interface PublishAck {
  readonly sequence: number;
  /** The stream already had the message id; `sequence` is that of the earlier message. */
  readonly duplicate: boolean;
}

/** Called once for each message, with its acknowledgement or with the error. */
export type PublishCallback = (
  ack: PublishAck | undefined,
  error: PublishError | undefined,
) => void;

/** Calls back. A fault of one message must not take the outcome of the others. */
export function callBack(
  callback: PublishCallback,
  ack: PublishAck | undefined,
  error: PublishError | undefined,
): void {
  try {
    callback(ack, error);
  } catch (fault) {
    process.emitWarning(fault instanceof Error ? fault : String(fault));
  }
}

const decoder = new TextDecoder();

/**
 * Reads the answer of a stream to a publish: `{"stream":"EVENTS", "seq":12}`, possibly with
 * `"duplicate":true` or an error. A plain acknowledgement is read from its bytes, any other as
 * JSON.
 */
export function readAck(
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): PublishAck | PublishError {
  // "No responders" is an empty message with a 503 header: no stream has this subject.
  if (start === end) return new PublishError('no_stream', 'no stream has this subject');
  const sequence = storedSequence(bytes, start, end);
  if (sequence > 0) return { sequence, duplicate: false };
  let ack: {
    seq?: number;
    duplicate?: boolean;
    error?: { err_code?: number; description?: string };
  };
  try {
    ack = JSON.parse(decoder.decode(bytes.subarray(start, end))) as typeof ack;
  } catch {
    return new PublishError('rejected', 'the acknowledgement is not JSON');
  }
  if (ack.error !== undefined || ack.seq === undefined) {
    return publishErrorOf(ack.error?.err_code ?? 0, ack.error?.description ?? 'no sequence');
  }
  return { sequence: ack.seq, duplicate: ack.duplicate === true };
}

const quote = 0x22;
const colon = 0x3a;
const closingBrace = 0x7d;
const zero = 0x30;
const nine = 0x39;
/** `"seq":` */
const sequenceName = [quote, 0x73, 0x65, 0x71, quote, colon];

/**
 * The sequence of a newly stored message, read from the bytes of an answer that ends in
 * `"seq":<digits>}`; 0 for any other answer.
 */
export function storedSequence(data: Uint8Array, start: number, end: number): number {
  let at = end - 1;
  if (data[at] !== closingBrace) return 0;
  at -= 1;
  let value = 0;
  let place = 1;
  while (at > start && data[at]! >= zero && data[at]! <= nine) {
    value += (data[at]! - zero) * place;
    place *= 10;
    at -= 1;
  }
  for (let index = sequenceName.length - 1; index >= 0; index -= 1, at -= 1) {
    if (data[at] !== sequenceName[index]) return 0;
  }
  // An error may end in the same bytes. A plain acknowledgement begins with `{"s`, an error does
  // not.
  return data[start + 1] === quote && data[start + 2] === 0x73 ? value : 0;
}
