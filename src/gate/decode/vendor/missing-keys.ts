import { randomUUID } from 'node:crypto';

import { canonicalJson } from '../../../event/changed-properties.ts';
import { idempotencyKeyOf } from '../../../event/event-id.ts';
import type { JsonObject, JsonValue } from '../../../event/json/json.ts';
import type { VendorProtocol } from '../../../observability/metrics.ts';
import { readTime } from '../event-draft.ts';

/**
 * Makes the idempotency keys of events that were sent without an id. One for each request.
 *
 * An event with a time of its own, finer than a second, has a key that is derived from its content:
 * sent again, it is recognised. Equal events of one request are stored apart, because each counts how
 * many of its equals stand before it. Without such a time two equal events may well be two: a key made
 * at random stores both, also if one is the other sent again.
 */
export class MissingKeys {
  private readonly system: VendorProtocol;
  private readonly contentOf: (sent: JsonObject) => JsonObject;
  private readonly equals = new Map<string, number>();

  /** `contentOf` gives what distinguishes an event, without what may differ on each attempt. */
  constructor(system: VendorProtocol, contentOf: (sent: JsonObject) => JsonObject) {
    this.system = system;
    this.contentOf = contentOf;
  }

  /**
   * @param sent the vendor's event. Its numbers may be exact.
   * @param time the event's own time, as it was sent.
   */
  keyFor(sent: JsonObject, time: JsonValue | undefined): string {
    if (!isFinerThanSecond(time)) return randomUUID();
    const { idempotency_key: _blank, ...content } = this.contentOf(sent);
    // With the time as it was sent: that of the contract has no digits finer than milliseconds.
    const text = canonicalJson([time!, content]);
    const key = idempotencyKeyOf(this.system, `content:${text}`);
    const before = this.equals.get(key) ?? 0;
    this.equals.set(key, before + 1);
    return before === 0 ? key : idempotencyKeyOf(this.system, `content:${key}:${before}`);
  }
}

/** Numbers from here count milliseconds, as `timeOf` reads them. */
const millisecondsMin = 1e11;

function isFinerThanSecond(time: JsonValue | undefined): boolean {
  if (typeof time === 'number') return Math.abs(time) >= millisecondsMin || !Number.isInteger(time);
  return typeof time === 'string' && time.includes('.') && readTime(time) !== undefined;
}

/** Whether an event has no id: it was not sent, or is an empty text. */
export function isMissing(key: JsonValue | undefined): boolean {
  return key === undefined || key === null || (typeof key === 'string' && key.trim() === '');
}
