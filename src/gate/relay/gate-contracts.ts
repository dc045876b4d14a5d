/** The contracts of a gate, as a relay gets them. JSON texts, so that the gate need not know what they hold. */
export interface GateContracts {
  /** Of their content: equal if nothing has changed. */
  readonly revision: string;
  /** What `taxonomy.yaml` says beside its events. */
  readonly headerJson: string;
  readonly events: readonly {
    readonly name: string;
    /** Its entry of `taxonomy.yaml`. */
    readonly entryJson: string;
    /** Each version of its schema, from 1. */
    readonly schemasJson: readonly string[];
  }[];
  /** No event is refused for its contract. */
  readonly isSuspended: boolean;
}
