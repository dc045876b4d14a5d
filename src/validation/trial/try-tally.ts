import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { Violation } from '../../event/violation.ts';
import type { Candidate } from './candidate.ts';

/** The location of an event, and its key. */
export interface Example {
  readonly stream: 'EVENTS' | 'REJECTED';
  readonly sequence: number;
  readonly idempotency_key: string;
}

/** One rule of the candidate that events break, and how often. */
export interface BrokenRule {
  /** All items of an array are one path: `/properties/items/{n}/sku`. */
  readonly path: string;
  readonly code: string;
  readonly message: string;
  /** Violations in stored events. */
  stored: number;
  /** Violations in rejected events. */
  rejected: number;
  readonly examples: Example[];
}

/** The verdicts that a candidate would have given. */
export interface TryCounts {
  readonly stored: { seen: number; pass: number; warned: number; rejected: number };
  readonly rejected: { seen: number; newly_accepted: number; still_rejected: number };
}

export interface TryTally {
  readonly counts: TryCounts;
  validate(event: IncomingEvent, example: Example): void;
  /** Counts an entry of REJECTED that cannot be read as an event. */
  skip(): void;
  /** The most frequent first. */
  rules(): BrokenRule[];
}

const examplesMax = 3;
/** Paths can contain any name that producers send, so their number is bounded. */
const rulesMax = 1_000;

/** Validates events by a candidate. Keeps counts and a few examples, but no events. */
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
