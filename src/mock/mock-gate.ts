import type { JsonObject, JsonValue } from '../event/json/json.ts';

/** An event that the mock accepted. */
export interface GoodEvent {
  /** As it would be stored, with the names that producers use: `event_name`, `properties`. */
  readonly event: JsonObject;
  /** How often it came again with the same idempotency key. */
  readonly duplicates: number;
}

/** An event that the mock rejected. */
export interface BadEvent {
  /** As it was sent; a text if it could not be read. */
  readonly event: JsonValue;
  readonly code: string;
  readonly message: string;
  readonly violations: readonly {
    readonly path: string;
    readonly code: string;
    readonly message: string;
  }[];
}

export interface MockOptions {
  /** The folder with taxonomy.yaml. Default: `schemas`. */
  readonly schemasDir?: string;
  /** Default: 127.0.0.1, and a free port. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Default: `on`. */
  readonly enforcement?: 'on' | 'warn';
  /** The limit for an event, in bytes. Default: that of a gate. */
  readonly eventBytesMax?: number;
}

/** A gate in memory: it has the endpoints and gives the verdicts of a real one, without a log. */
export interface MockGate extends AsyncDisposable {
  /** Where events go: `http://127.0.0.1:41234`. */
  readonly url: string;
  /** The events that it accepted, of one test or of all, in the order in which they came. */
  good(testId?: string): GoodEvent[];
  /** The events that it rejected, of one test or of all, in the order in which they came. */
  bad(testId?: string): BadEvent[];
  /** Forgets the events of one test, or of all: their idempotency keys are new again. */
  reset(testId?: string): void;
  close(): Promise<void>;
}
