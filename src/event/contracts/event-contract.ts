import type { JsonObject } from '../json/json.ts';

/**
 * The contract of one event, for those who store its properties by their types. Every `$ref` is
 * replaced by what it refers to.
 */
export interface EventContract {
  readonly name: string;
  /** Each version of its schema, from 1, without gaps. Empty if the event has no schema. */
  readonly schemas: readonly JsonObject[];
}

/** The contracts in force. Returns the same list, and the same entries, until they change. */
export type ContractsInForce = () => readonly EventContract[];
