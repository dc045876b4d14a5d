import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { Violation } from '../../event/violation.ts';
import type { Candidate } from './candidate.ts';

/** Where an event lies, and by what it is known. */
export interface Example {
  readonly stream: 'EVENTS' | 'REJECTED';
  readonly sequence: number;
  readonly idempotency_key: string;
}

/** One way to break the candidate, and how often it was met. */
export interface BrokenRule {
  /** Items of arrays are one place: `/properties/items/{n}/sku`. */
  readonly path: string;
  readonly code: string;
  readonly message: string;
  /** Among the events that are stored. */
  stored: number;
  /** Among those that were rejected. */
  rejected: number;
  readonly examples: Example[];
}

/** What a candidate would have said. */
export interface TryCounts {
  readonly stored: { seen: number; pass: number; warned: number; rejected: number };
  readonly rejected: { seen: number; newly_accepted: number; still_rejected: number };
}

export interface TryTally {
  readonly counts: TryCounts;
  validate(event: IncomingEvent, example: Example): void;
  /** An event of REJECTED that is no event at all. */
  skip(): void;
  /** The most frequent first. */
  rules(): BrokenRule[];
}

const examplesMax = 3;
/** Paths end in names that producers made up. */
const rulesMax = 1_000;

/** Validates events by a candidate, and remembers counts and a few examples, never the events. */
export function createTryTally(candidate: Candidate): TryTally {
  const counts: TryCounts = {
    stored: { seen: 0, pass: 0, warned: 0, rejected: 0 },
    rejected: { seen: 0, newly_accepted: 0, still_rejected: 0 },
  };
  const rules = new Map<string, BrokenRule>();

  const note = (violation: Violation, example: Example): void => {
    const path = violation.path.replaceAll(/\/\d+(?=\/|$)/g, '/{n}');
    let key = `${path} ${violation.code} ${violation.message}`;
    let named = { path, code: violation.code, message: violation.message };
    if (!rules.has(key) && rules.size >= rulesMax) {
      key = '';
      named = { path: '', code: '_other', message: 'rules beyond the first 1,000' };
    }
    let rule = rules.get(key);
    if (rule === undefined)
      rules.set(key, (rule = { ...named, stored: 0, rejected: 0, examples: [] }));
    rule[example.stream === 'EVENTS' ? 'stored' : 'rejected'] += 1;
    if (rule.examples.length < examplesMax) rule.examples.push(example);
  };

  return {
    counts,
    validate: (event, example) => {
      const strict = candidate.strict.validate(event).error;
      const refused = strict === undefined ? undefined : candidate.lenient.validate(event).error;
      if (example.stream === 'EVENTS') {
        counts.stored.seen += 1;
        if (strict === undefined) counts.stored.pass += 1;
        else if (refused === undefined) counts.stored.warned += 1;
        else counts.stored.rejected += 1;
      } else {
        counts.rejected.seen += 1;
        if (refused === undefined) counts.rejected.newly_accepted += 1;
        else counts.rejected.still_rejected += 1;
      }
      if (strict === undefined) return;
      const { code, message, violations } = strict;
      if (violations.length === 0) note({ path: '', code, message }, example);
      else for (const violation of violations) note(violation, example);
    },
    skip: () => {
      counts.rejected.seen += 1;
      counts.rejected.still_rejected += 1;
    },
    rules: () =>
      [...rules.values()].sort((a, b) => b.stored + b.rejected - (a.stored + a.rejected)),
  };
}
