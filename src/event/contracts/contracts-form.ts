/**
 * Contracts as one gate gives them to another: in the words of `taxonomy.yaml`, as JSON texts, so that only
 * `validation/` has to know what they hold.
 */
export interface ContractsForm {
  /** Of the content: equal if nothing has changed. */
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
  /** `enforcement` is `warn`: no event is refused for its contract. */
  readonly isSuspended: boolean;
}
