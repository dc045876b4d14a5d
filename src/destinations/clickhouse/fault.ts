import { excerpt, outcomeOfAnswer } from '../http-client/answers.ts';
import type { Outcome } from '../destination.ts';

/** The status and headers of the answer, which the client's error does not have. */
export interface AnswerHead {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

export interface ClickhouseFault {
  /** True if a smaller insert, or another event, may be accepted. */
  readonly ofEvent: boolean;
  readonly outcome: Outcome;
}

/**
 * ClickHouse error codes (system.errors) that concern rows: values that cannot be parsed, and
 * constraints that somebody added to the table. Every row is validated before it is sent, so a
 * parse error means that columns were changed. Every other error, from a missing table to exhausted
 * memory, would be the same for every event.
 */
const rowCodes: ReadonlySet<string> = new Set([
  '6', // CANNOT_PARSE_TEXT
  '26', // CANNOT_PARSE_QUOTED_STRING
  '27', // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  '38', // CANNOT_PARSE_DATE
  '41', // CANNOT_PARSE_DATETIME
  '69', // ARGUMENT_OUT_OF_BOUND
  '72', // CANNOT_PARSE_NUMBER
  '376', // CANNOT_PARSE_UUID
  '469', // VIOLATED_CONSTRAINT
]);

/** The payload is too large for a proxy in front of ClickHouse. */
const tooLarge = 413;

export function faultOf(error: unknown, head: AnswerHead | undefined): ClickhouseFault {
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  if (code === undefined || !/^\d+$/.test(code))
    return faultOfOther(code ?? excerpt(text), text, head);
  const ofEvent = rowCodes.has(code);
  const fault = ofEvent ? 'event' : 'destination';
  const reason = `ClickHouse ${code}: ${excerpt(ofEvent ? withoutData(text) : text)}`;
  return { ofEvent, outcome: { kind: 'retry', fault, reason, status: code } };
}

/** Why a question had no answer. */
export function reasonOf(error: unknown): string {
  const { outcome } = faultOf(error, undefined);
  return outcome.kind === 'delivered' ? '' : outcome.reason;
}

/** A text that is not from ClickHouse, but from a proxy or the network. */
function faultOfOther(what: string, text: string, head: AnswerHead | undefined): ClickhouseFault {
  const ofEvent = head?.status === tooLarge;
  if (head !== undefined) {
    const reading = { refusesEvent: () => ofEvent, hide: (shown: string) => shown };
    return { ofEvent, outcome: outcomeOfAnswer({ ...head, text }, Date.now(), reading) };
  }
  const reason = `no answer from ClickHouse: ${what}`;
  return { ofEvent, outcome: { kind: 'retry', fault: 'destination', reason } };
}

/**
 * The table was removed or never created (60), or has no such column any more (16, 117).
 */
export function isTableGone(error: unknown): boolean {
  return ['16', '60', '117'].includes(codeOf(error));
}

/** This user may not change the table (497), or its engine cannot be changed (48, 36). */
export function isRefusedChange(error: unknown): boolean {
  return ['36', '48', '497'].includes(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** The message quotes the invalid values, which may be personal data. */
function withoutData(text: string): string {
  return (text.split('\n', 1)[0] ?? '')
    .replaceAll(/'[^']*'|"[^"]*"/g, '...')
    .replace(/(Column values|while parsing|Row)\b.*$/i, '');
}
