import { eventError } from './event-faults.ts';
import { eventNameLengthMax, isSnakeCase } from './event-name.ts';
import { nameProblem } from '../event/name/event-name.ts';
import { isUuid } from '../event/event-id.ts';
import { nearestName } from './nearest-name.ts';
import type { TaxonomyHeader } from './taxonomy/taxonomy.ts';
import type { EventError } from '../event/verdict.ts';

const nilUuid = '00000000-0000-0000-0000-000000000000';

/** A message lists at most this many verbs. */
const verbsShownMax = 20;

/** The error of an unplanned event name; undefined if the taxonomy could contain that name. */
export function eventNameFault(
  name: string,
  { naming, verbs }: Pick<TaxonomyHeader, 'naming' | 'verbs'>,
  planned: Iterable<string>,
): EventError | undefined {
  if (naming === 'any') {
    const problem = nameProblem(name);
    return problem === undefined ? undefined : nameError(problem, '');
  }
  if (name.trim() === '') {
    return nameError('is missing: send a name such as order_completed', '');
  }
  if (name.length > eventNameLengthMax) {
    return nameError(`must be at most ${eventNameLengthMax} characters long`, '');
  }
  const suggestion = didYouMean(name, planned);
  if (!isSnakeCase(name)) {
    return nameError('must be lower snake case, a noun and a verb: order_completed', suggestion);
  }
  if (!verbs.some((verb) => name.endsWith(`_${verb}`))) {
    return nameError(`must be a noun and one of the verbs ${listed(verbs)}`, suggestion);
  }
  return undefined;
}

/**
 * The error of an idempotency key, which must be a UUID but not the nil one that broken clients
 * send.
 */
export function idempotencyKeyFault(key: string): EventError | undefined {
  if (isUuid(key) && key !== nilUuid) return undefined;
  if (key.trim() === '') {
    return eventError(
      'missing_idempotency_key',
      'idempotency_key is missing: send a UUID made once for the event and kept on every retry',
    );
  }
  return eventError(
    'invalid_idempotency_key',
    key === nilUuid
      ? 'idempotency_key is the nil UUID, which is the same for every event: make a new UUID for each event'
      : 'idempotency_key is not a UUID: send one such as 0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
  );
}

/** ` Did you mean order_completed?`, or an empty text if no known name is near. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `. Did you mean ${nearest}?`;
}

function nameError(problem: string, suggestion: string): EventError {
  return eventError('invalid_event_name', `event_name ${problem}${suggestion}`);
}

function listed(words: readonly string[]): string {
  const shown = words.slice(0, verbsShownMax).join(', ');
  return words.length > verbsShownMax ? `${shown}, ...` : shown;
}
