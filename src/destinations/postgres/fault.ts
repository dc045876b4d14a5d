import type { Outcome } from '../destination.ts';
import { TableFault } from '../tables/table-fault.ts';

/** What was wrong with one insert, and whether splitting it can find the event that caused it. */
export interface PostgresFault {
  readonly ofEvent: boolean;
  readonly outcome: Outcome;
}

const sqlState = /^[0-9A-Z]{5}$/;

/**
 * Decides by SQLSTATE what caused an error (appendix A of PostgreSQL's manual).
 *
 * Class 22 is data that no column can store, such as `\u0000`, and 54000 a value beyond a limit: no
 * retry helps. 23502 is a column that a stored event always has. The rest of class 23 is a
 * constraint or trigger that somebody added to the table, as is P0001, and what it requires may arrive later.
 * Every other error, connections, 53 (resources), 57 (shut down, cancelled), 40 (conflicts), 28
 * (login) and 42 (unknown table or column, missing right), would be the same for every event.
 *
 * @param isTyped the row was checked before: a column without a value is one that somebody added.
 */
export function faultOf(error: unknown, isTyped = false): PostgresFault {
  if (error instanceof TableFault) {
    const reason = error.message;
    return { ofEvent: false, outcome: { kind: 'retry', fault: 'destination', reason } };
  }
  const code = errorCode(error);
  const said = `PostgreSQL ${code}: ${withoutData(error)}`;
  if (code === undefined || !sqlState.test(code)) {
    const reason = `no answer from PostgreSQL: ${code ?? withoutData(error)}${adviceFor(error)}`;
    return { ofEvent: false, outcome: { kind: 'retry', fault: 'destination', reason } };
  }
  if (code.startsWith('22') || code === '54000' || (code === '23502' && !isTyped)) {
    return { ofEvent: true, outcome: { kind: 'dead', reason: said, status: code } };
  }
  const ofEvent = (code.startsWith('23') && code !== '23502') || code === 'P0001';
  const fault = ofEvent ? 'event' : 'destination';
  return { ofEvent, outcome: { kind: 'retry', fault, reason: said, status: code } };
}

/** pg has no code for a server without TLS, only this text. Never advised for a broken certificate. */
function adviceFor(error: unknown): string {
  if (!withoutData(error).includes('does not support SSL')) return '';
  return '. Turn TLS on at the server, or, only where the network is trusted, set `tls: false`';
}

/** The table, or a column of it, was removed or never created. */
export function isTableGone(error: unknown): boolean {
  const code = errorCode(error);
  return code === '42P01' || code === '42703';
}

/** Somebody has altered the table, or a column of it. */
export function isTableOther(error: unknown): boolean {
  return (
    isTableGone(error) ||
    ['42804', '23502', '428C9', '42P10', '42809'].includes(errorCode(error) ?? '')
  );
}

/** The user may not do this: only the owner of a table may change it. */
export function isNotAllowed(error: unknown): boolean {
  return errorCode(error) === '42501';
}

/** The SQLSTATE, or what the network says. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** PostgreSQL quotes the invalid value after a colon, and it may be personal data. */
function withoutData(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split(/: "|\n/, 1)[0] ?? '';
}
