/** One place in an event that breaks its contract. */
export interface Violation {
  /** A JSON pointer into the event. */
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** What the gate says of one event. */
export interface Verdict {
  readonly status: 'accepted' | 'duplicate' | 'rejected' | 'retry';
  readonly eventId: string;
  /** Of a rejected event, or one to send again. */
  readonly error: VerdictError | undefined;
}

export interface VerdictError {
  /** A code of the gate's table of errors. */
  readonly code: string;
  readonly message: string;
  readonly violations: readonly Violation[];
}

/** What came of one request. */
export type Answer =
  /** One verdict for each event, in order. */
  | { readonly kind: 'verdicts'; readonly verdicts: readonly Verdict[]; readonly afterMs: number }
  /** None, and not the fault of the events: later. */
  | {
      readonly kind: 'retry';
      readonly reason: RetryReason;
      readonly message: string;
      /** Not before, in milliseconds from now. */
      readonly afterMs: number;
    }
  /** The request as a whole was refused: halves may pass, or show the event that is at fault. */
  | { readonly kind: 'split'; readonly code: string; readonly message: string };

export type RetryReason =
  /** Nobody there, or the connection broke. */
  | 'unreachable'
  /** No answer in time, or one that says: less. */
  | 'overloaded'
  /** The write key is not known, or not good enough. Somebody has to mend that. */
  | 'unauthorized'
  /** Whatever answers is no gate. */
  | 'not_a_gate';

/** Speaks one protocol to one gate. Never throws: a failure is an answer. */
export interface Transport {
  /** What an event takes in a request beside its own bytes, at most. */
  readonly overheadBytes: number;
  send(records: readonly Buffer[]): Promise<Answer>;
  /** Ends what is under way and lets go of the connections. */
  close(): void;
}

export interface TransportOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly key: string | undefined;
  readonly requestTimeoutMs: number;
}

export type Protocol = 'connect' | 'grpc' | 'json';

/** In words for whoever has to mend it; the first system code in the chain of causes. */
export function describeOutage(error: unknown, url: string): string {
  const code = systemCode(error);
  if (code === 'ECONNREFUSED') return `No gate answers at ${url}`;
  if (code === 'ENOTFOUND') return `No host of this name is known: ${url}`;
  const cause = code ?? (error instanceof Error ? error.message.split('\n')[0] : String(error));
  return `The connection to ${url} fails (${cause})`;
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
export function unauthorized(url: string, said: string): Answer {
  const message = `The gate at ${url} refuses the write key: ${said}`;
  return { kind: 'retry', reason: 'unauthorized', message, afterMs: 0 };
}

export function notAGate(url: string, said: string): Answer {
  const message = `What answers at ${url} is not a gate: ${said}`;
  return { kind: 'retry', reason: 'not_a_gate', message, afterMs: 0 };
}

/** Seconds, or a date. 0: it says nothing of use. */
export function retryAfterMs(text: string | null, nowMs: number = Date.now()): number {
  if (text === null) return 0;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  return Math.max(0, Date.parse(text) - nowMs) || 0;
}
