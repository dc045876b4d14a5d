import type { Outcome } from '../destination.ts';

/** What BigQuery said, or that it said nothing. */
export class BigqueryError extends Error {
  override readonly name = 'BigqueryError';
  /** Of gRPC, or of HTTP. Undefined: nothing was asked, such as for want of credentials. */
  readonly code: number | undefined;
  /** Rows because of which a request was refused, by their index, and why. */
  readonly rows: ReadonlyMap<number, string>;

  constructor(message: string, code?: number, rows: ReadonlyMap<number, string> = new Map()) {
    super(message.slice(0, textCharactersMax));
    this.code = code;
    this.rows = rows;
  }
}

const textCharactersMax = 400;

export function errorOf(error: unknown): BigqueryError {
  if (error instanceof BigqueryError) return error;
  const { code, message, details } = error as Record<string, unknown>;
  return new BigqueryError(
    String(details || message || error),
    typeof code === 'number' ? code : undefined,
  );
}

/** A fault of BigQuery: the events wait. */
export function waitingOutcome(error: unknown): Outcome {
  const { message, code } = errorOf(error);
  return {
    kind: 'retry',
    fault: 'destination',
    reason: `BigQuery did not take it: ${message}`,
    ...(code === undefined ? {} : { status: String(code) }),
  };
}
