import type { Outcome } from '../destination.ts';

/** What Snowflake said, or that it said nothing. */
export class SnowflakeError extends Error {
  override readonly name = 'SnowflakeError';
  /** Of Snowflake: `002003`. Undefined if it did not answer. */
  readonly code: string | undefined;
  readonly sqlState: string | undefined;

  constructor(message: string, code?: string, sqlState?: string) {
    super(message.replaceAll(/\s+/g, ' ').slice(0, textCharactersMax));
    this.code = code;
    this.sqlState = sqlState;
  }
}

const textCharactersMax = 400;

/** The error of the client, or another one. Errors about data lose the data, which Snowflake quotes. */
export function errorOf(error: unknown): SnowflakeError {
  if (error instanceof SnowflakeError) return error;
  const { code, sqlState, message, cause } = error as Record<string, unknown>;
  const text = withCause(String(message ?? error), cause);
  if (typeof sqlState !== 'string') return new SnowflakeError(text);
  const shown = sqlState.startsWith('22') ? text.replaceAll(/'[^']*'|"[^"]*"/g, '...') : text;
  return new SnowflakeError(shown, String(code), sqlState);
}

/** The client says only that a request failed; its cause is the network's error. */
function withCause(text: string, cause: unknown): string {
  const { code, message } = (cause ?? {}) as Record<string, unknown>;
  const more = code ?? message;
  return more === undefined || text.includes(String(more)) ? text : `${text} ${String(more)}`;
}

/** A column that cannot be NULL. */
const nullRefused = '100072';

/**
 * What was wrong with a batch, and whether halving it can find the event that caused it.
 *
 * SQLSTATE class 22 is data that a column does not take: no retry helps. But if somebody made a column NOT
 * NULL, what it requires may come later.
 */
export function faultOf(error: unknown): { readonly ofEvent: boolean; readonly outcome: Outcome } {
  const { message, code, sqlState } = errorOf(error);
  if (code === undefined || sqlState?.startsWith('22') !== true) {
    return { ofEvent: false, outcome: waitingOutcome(error) };
  }
  const refused = { reason: `Snowflake refused the row: ${message}`, status: code };
  const outcome: Outcome =
    code === nullRefused
      ? { kind: 'retry', fault: 'event', ...refused }
      : { kind: 'dead', ...refused };
  return { ofEvent: true, outcome };
}

/** A fault of Snowflake, or of a table: the events wait. */
export function waitingOutcome(error: unknown): Outcome {
  const { message, code } = errorOf(error);
  return {
    kind: 'retry',
    fault: 'destination',
    reason: `Snowflake did not take it: ${message}`,
    ...(code === undefined ? {} : { status: code }),
  };
}

/** A table or a column is not there any more. */
export function isGone({ code }: SnowflakeError): boolean {
  return code === '002003' || code === '000904';
}
