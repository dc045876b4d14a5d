import type { ErrorCode } from '../errors.ts';
import type { EventError } from '../event/verdict.ts';
import type { Violation } from '../event/violation.ts';

const noViolations: readonly Violation[] = Object.freeze([]);

/** The verdict on one event, with a code that the error table knows. */
export function eventError(
  code: ErrorCode,
  message: string,
  violations: readonly Violation[] = noViolations,
): EventError {
  return { code, message, violations };
}

/** The violation for a malformed field outside of `properties`. */
export function fieldError(field: string, code: string, message: string): EventError {
  return eventError('invalid_field', `${field} ${message}`, [{ path: `/${field}`, code, message }]);
}
