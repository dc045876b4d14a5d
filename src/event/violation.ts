/** One place in an event that breaks its contract. */
export interface Violation {
  /** A JSON pointer into the event, in the names of the contract: `/properties/total`. */
  readonly path: string;
  /** The schema keyword, or the rule, that was broken: `required`, `type`. */
  readonly code: string;
  /** What is wrong and how to mend it. Never the event's own data. */
  readonly message: string;
}
