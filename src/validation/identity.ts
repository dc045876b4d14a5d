import { eventError, fieldError } from './event-faults.ts';
import type { EventError } from '../event/verdict.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';

/** A longer id is a mistake (a token, a whole object), and no destination accepts it. */
export const identityLengthMax = 256;

/**
 * Placeholders that broken clients send as ids. All users of such clients would become one
 * "person". The union of the ids that Mixpanel, Amplitude and PostHog refuse.
 */
export const identityPlaceholders: readonly string[] = [
  '0',
  '-1',
  'null',
  'nil',
  'none',
  'nan',
  'na',
  'n/a',
  'undefined',
  'unknown',
  'true',
  'false',
  '[]',
  '{}',
  '<nil>',
  'anon',
  'anonymous',
  'anonymous-user',
  'guest',
  'user',
  'id',
  'email',
  'distinct_id',
  'distinctid',
  'system',
  'backend',
  'not_authenticated',
  '[object object]',
  '00000000-0000-0000-0000-000000000000',
  'lmy47d',
];

const placeholders = new Set(identityPlaceholders);
const placeholderLengthMax = Math.max(...identityPlaceholders.map((text) => text.length));

/** By their length, the last characters that placeholders have: looking for one in the set costs more. */
const lastCharacters: readonly string[] = Array.from(
  { length: placeholderLengthMax + 1 },
  (_, length) =>
    identityPlaceholders
      .filter((text) => text.length === length)
      .map((text) => text.at(-1)! + text.at(-1)!.toUpperCase())
      .join(''),
);

/** The error of the ids: at least one must be present, and neither may be a placeholder. */
export function identityFault(event: IncomingEvent): EventError | undefined {
  const { userId, anonymousId } = event;
  if (userId.length > identityLengthMax) return tooLong('user_id');
  if (anonymousId.length > identityLengthMax) return tooLong('anonymous_id');
  const user = userId.trim();
  const anonymous = anonymousId.trim();
  if (user === '' && anonymous === '') {
    return eventError(
      'missing_identity',
      'user_id and anonymous_id are both blank: send a real id in at least one of them',
    );
  }
  if (isPlaceholder(user)) return placeholder('user_id');
  if (isPlaceholder(anonymous)) return placeholder('anonymous_id');
  return undefined;
}

function isPlaceholder(id: string): boolean {
  const { length } = id;
  if (length === 0 || length > placeholderLengthMax) return false;
  const last = lastCharacters[length]!;
  return last !== '' && last.includes(id[length - 1]!) && placeholders.has(id.toLowerCase());
}

function placeholder(field: string): EventError {
  const advice = `is a placeholder such as "null", not an id: send the real one, or leave it out`;
  return eventError('missing_identity', `${field} ${advice}`, [
    { path: `/${field}`, code: 'placeholder', message: advice },
  ]);
}

function tooLong(field: string): EventError {
  return fieldError(field, 'maxLength', `must be at most ${identityLengthMax} characters long`);
}
