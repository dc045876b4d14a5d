import type { EventError } from './verdict.ts';
import type { OwnClock } from './time/event-time.ts';
import type { VendorCall } from './vendor-call.ts';
import type { JsonObject } from './json/json.ts';

/**
 * An event as a producer sent it, decoded by its endpoint, not yet validated.
 *
 * A field that was not sent is the empty string, 0 or undefined.
 */
export interface IncomingEvent {
  readonly eventName: string;
  readonly userId: string;
  readonly anonymousId: string;
  readonly idempotencyKey: string;
  readonly properties: JsonObject;
  /**
   * The JSON text of `properties` if it holds more than the object (a number that a double cannot
   * hold). Undefined if `JSON.stringify(properties)` is the same.
   */
  readonly propertiesText: string | undefined;
  /** For `JSON.stringify` only: a number that a double cannot hold is kept as text. */
  readonly context: JsonObject | undefined;
  /** The two as text, where the decoder has it. A change of one makes a new object, for which it does not hold. */
  readonly written?: WrittenMembers | undefined;
  /** RFC 3339, UTC, with 3, 6 or 9 digits of a second (`readTime`). Empty if the producer sent none. */
  readonly occurredAt: string;
  readonly schemaVersion: number;
  /** Undefined if no vendor's SDK sent it. */
  readonly vendorCall: VendorCall | undefined;
  /** What the protocol says about the event's time besides `occurredAt`. Undefined: nothing. */
  readonly clock: OwnClock | undefined;
  /**
   * What the decoder found wrong with this event only. Undefined if the whole event could be read.
   */
  readonly fault: EventError | undefined;
  /** The bytes of this event as they were sent. Called for rejected events only. */
  readonly original: () => Uint8Array;
}

/** What a decoder saw of all texts of an event, as it was sent: what need not be looked for again. */
export interface SeenTexts {
  /** None needs an escape in JSON. */
  readonly isPlain: boolean;
  /** None holds half of a surrogate pair, which only an escape can say. */
  readonly isWellFormed: boolean;
  /** All are ASCII. */
  readonly isAscii: boolean;
}

/** Two objects of an event with their texts, where those are what `JSON.stringify` makes of them. */
export interface WrittenMembers {
  readonly properties: JsonObject;
  readonly propertiesText: string | undefined;
  readonly context: JsonObject | undefined;
  readonly contextText: string | undefined;
  readonly seen: SeenTexts;
}
