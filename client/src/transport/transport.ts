import { keyOf } from '../event-json.ts';

/** One place in an event that breaks its contract. */
export interface Violation {
  /** A JSON pointer into the event. */
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** The gate's answer to one event. */
export interface Verdict {
  readonly status: 'accepted' | 'duplicate' | 'rejected' | 'retry';
  readonly eventId: string;
  /** Set for a rejected event, or one to send again. */
  readonly error: VerdictError | undefined;
}

export interface VerdictError {
  /** One of the gate's error codes, or `refused_before_gate`. */
  readonly code: string;
  readonly message: string;
  readonly violations: readonly Violation[];
}

/** The outcome of one request. */
export type Answer =
  /** One verdict for each event, in order. */
  | { readonly kind: 'verdicts'; readonly verdicts: readonly Verdict[]; readonly afterMs: number }
  /** No verdicts, for a reason outside the events: send the request again later. */
  | {
      readonly kind: 'retry';
      readonly reason: RetryReason;
      readonly message: string;
      /** The shortest delay, in milliseconds from now. */
      readonly afterMs: number;
    }
  /** The whole request was refused: halves may be accepted, or show the event that causes it. */
  | {
      readonly kind: 'split';
      /** Undefined if a server before the gate refused it: that is no verdict of the gate. */
      readonly code: string | undefined;
      /** An event alone may cause it. Any other refusal may end without a change to the event. */
      readonly isOfEvent: boolean;
      readonly message: string;
    };

export type RetryReason =
  /** No server answered, or the connection broke. */
  | 'unreachable'
  /** No answer in time, or the gate asked for less load. */
  | 'overloaded'
  /** The write key is unknown or has too few rights. A person has to fix that. */
  | 'unauthorized'
  /** The server that answers is not a gate. */
  | 'not_a_gate';

/** Speaks one protocol to one gate. Never throws: a failure is an answer. */
export interface Transport {
  /** Bytes that an event adds to a request beside its own, at most. */
  readonly overheadBytes: number;
  send(records: readonly Buffer[]): Promise<Answer>;
  /** Aborts requests in flight and closes the connections. */
  close(): void;
}

export interface TransportOptions {
  /** Without a trailing slash. */
  readonly url: string;
  readonly key: string | undefined;
  readonly requestTimeoutMs: number;
}

export type Protocol = 'connect' | 'grpc' | 'json';

/**
 * No more is read of an answer: a broken proxy may send without an end. A gate needs a third of it for a full
 * request whose every event has as many violations as are reported. A request with a larger answer is halved.
 */
export const answerBytesMax = 16 * 1024 * 1024;

/** Describes an outage for the person who fixes it, with the first system code among the causes. */
export function describeOutage(error: unknown, url: string): string {
  const code = systemCode(error);
  if (code === 'ECONNREFUSED') return `No gate answers at ${url}`;
  if (code === 'ENOTFOUND') return `The host name in ${url} is not known`;
  const cause = code ?? (error instanceof Error ? error.message.split('\n')[0] : String(error));
  return `The connection to ${url} failed (${cause})`;
}

function systemCode(error: unknown): string | undefined {
  let cause = error;
  for (let depth = 0; cause instanceof Error && depth < 5; depth += 1) {
    if ('code' in cause && typeof cause.code === 'string') return cause.code;
    cause = cause instanceof AggregateError ? cause.errors[0] : cause.cause;
  }
  return undefined;
}

/** The answers that do not depend on the protocol. */
export function tooLarge(url: string): Answer {
  const message = `The answer of the server at ${url} is larger than ${answerBytesMax} bytes`;
  return { kind: 'retry', reason: 'overloaded', message, afterMs: 0 };
}

export function unauthorized(url: string, said: string): Answer {
  const message = `The gate at ${url} refuses the write key: ${said}`;
  return { kind: 'retry', reason: 'unauthorized', message, afterMs: 0 };
}

export function notAGate(url: string, said: string): Answer {
  const message = `The server at ${url} is not a gate: ${said}`;
  return { kind: 'retry', reason: 'not_a_gate', message, afterMs: 0 };
}

/** The longest wait that is honoured, as in send/breaker.ts. */
const retryAfterMsMax = 3_600_000;

/**
 * Milliseconds of a Retry-After header, which has seconds or a date. 0 if it has neither; an hour at
 * most. A date counts from the `Date` of the answer, so that neither clock has to be right.
 */
export function retryAfterMs(
  headers: { get(name: string): string | null },
  nowMs: number = Date.now(),
): number {
  const text = headers.get('retry-after');
  if (text === null) return 0;
  if (/^\d+$/.test(text)) return Math.min(retryAfterMsMax, Number(text) * 1000);
  const sentMs = Date.parse(headers.get('date') ?? '') || nowMs;
  return Math.min(retryAfterMsMax, Math.max(0, Date.parse(text) - sentMs) || 0);
}

/** Only these can mean the content of a request. A redirect or a 404 says something about the place. */
const statusesOfEvent = [400, 413, 415, 422];

/** A server before the gate, such as a firewall, refused the request: that is no verdict of the gate. */
export function refusedBefore(url: string, status: number, location: string | null): Answer {
  const message =
    `A server before the gate at ${url}, such as a proxy or a firewall, refused the request with ` +
    `HTTP ${status}${adviceOn(status, location === null ? undefined : targetOf(location, url))}`;
  return { kind: 'split', code: undefined, isOfEvent: statusesOfEvent.includes(status), message };
}

function adviceOn(status: number, target: string | undefined): string {
  if (status === 413) return ' as too large. Raise its limit for the body of a request';
  if (status === 404 || status === 405) return '. If it refuses all, it is not a gate: see the url';
  if (target !== undefined) return `: it redirects to ${target}, which the client does not follow`;
  return '. Its log or rules say why';
}

/** Without the query, which may have secrets. */
function targetOf(location: string, url: string): string | undefined {
  if (!URL.canParse(location, url)) return undefined;
  const { origin, pathname } = new URL(location, url);
  return `${origin}${pathname}`;
}

/** These say that a later request may pass. All other statuses below 500 refuse the request. */
export function isPassing(status: number): boolean {
  return [408, 425, 429].includes(status) || status >= 500;
}

/** Whether each verdict that names an event names the one in its place. */
export function areInOrder(
  records: readonly Buffer[],
  keys: readonly (string | undefined)[],
): boolean {
  return keys.every((key, index) => {
    if (key === undefined || key === '') return true;
    const sent = keyOf(records[index]!);
    return key === sent || key.toLowerCase() === sent.toLowerCase();
  });
}
