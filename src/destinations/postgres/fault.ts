import type { Outcome } from '../destination.ts';

/** What was wrong with one insert, and whether splitting it can find the event that causes it. */
export interface PostgresFault {
  readonly ofEvent: boolean;
  readonly outcome: Outcome;
}

const sqlState = /^[0-9A-Z]{5}$/;

/**
 * Whose fault an error is, by its SQLSTATE (appendix A of PostgreSQL's manual).
 *
 * Class 22 is data that no column can take, a `\u0000` for one, and 54000 a value beyond a limit:
 * no retry helps. 23502 is a column that a stored event always has. The rest of class 23 is a
 * constraint or trigger that somebody added to the table: what it asks for may come later. All
 * else, connections, 53 (resources), 57 (shut down, cancelled), 40 (conflicts), 28 (login) and 42
 * (no such table or column, no right), would be the same for every event.
 */
export function faultOf(error: unknown): PostgresFault {
  const code = codeOf(error);
  const said = `PostgreSQL ${code}: ${withoutData(error)}`;
  if (code === undefined || !sqlState.test(code)) {
    const reason = `no answer from PostgreSQL: ${code ?? withoutData(error)}`;
    return { ofEvent: false, outcome: { kind: 'retry', fault: 'destination', reason } };
  }
  if (code.startsWith('22') || code === '54000' || code === '23502') {
    return { ofEvent: true, outcome: { kind: 'dead', reason: said, status: code } };
  }
  const ofEvent = code.startsWith('23');
  const fault = ofEvent ? 'event' : 'destination';
  return { ofEvent, outcome: { kind: 'retry', fault, reason: said, status: code } };
}

/** The table was removed or never created. */
export function isTableGone(error: unknown): boolean {
  return codeOf(error) === '42P01';
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** PostgreSQL quotes the invalid value after a colon, and that is somebody's data. */
function withoutData(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split(/: "|\n/, 1)[0] ?? '';
}
