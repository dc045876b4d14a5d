import type { ErrorCode } from '../errors.ts';
import type { EventError } from '../event/verdict.ts';
import type { Violation } from '../event/violation.ts';

const noViolations: readonly Violation[] = Object.freeze([]);

/** The error of one event, with a code of the error table. */
export function eventError(
  code: ErrorCode,
  message: string,
  violations: readonly Violation[] = noViolations,
): EventError {
  return { code, message, violations };
}

/** The error of a malformed field outside `properties`. */
export function fieldError(field: string, code: string, message: string): EventError {
  return eventError('invalid_field', `${field} ${message}`, [{ path: `/${field}`, code, message }]);
}
