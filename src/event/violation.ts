/** One part of an event that breaks its contract. */
export interface Violation {
  /** A JSON pointer into the event, in the names of the contract: `/properties/total`. */
  readonly path: string;
  /** The schema keyword, or the rule, that was broken: `required`, `type`. */
  readonly code: string;
  /** What is wrong and how to fix it. Never the event's own data. */
  readonly message: string;
  /** The kind, for which the taxonomy sets a mode: `missing_required`, `wrong_type`, ... */
  readonly kind?: string;
  /** The expected type or values. */
  readonly expected?: string;
  /** The nearest name that the contract knows. */
  readonly suggestion?: string;
  /** The schema's own description of this location. */
  readonly description?: string;
}
