import { isDeepStrictEqual } from 'node:util';

import type { JsonObject } from '../../event/json/json.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import { decodeStoredEvent, type StoredEvent } from '../../event/stored-event.ts';
import type { Verdict } from '../../event/verdict.ts';

/**
 * Compares a duplicate with the first copy. The log deduplicates by id alone, so it drops another body
 * under the same id: a caller that reuses its keys gets the warning `idempotency_key_reused`.
 *
 * @param payload what would have been stored, from `encodeStoredEvent`.
 * @param verdict of the duplicate, whose `sequence` is the first copy's.
 * @returns the verdict with the first copy's time and version. As it was, where the first copy cannot
 * be read.
 */
export async function compareDuplicate(
  readStored: (sequence: number) => Promise<StoredEvent | undefined>,
  payload: string,
  verdict: Verdict,
): Promise<Verdict> {
  let stored: StoredEvent | undefined;
  try {
    stored = await readStored(verdict.sequence);
  } catch {
    // The verdict stands without the comparison.
  }
  if (stored === undefined) return verdict;
  const first = {
    ...verdict,
    timestampMs: Date.parse(stored.timestamp),
    schemaVersion: stored.schemaVersion ?? 0,
  };
  if (sameBody(decodeStoredEvent(payload), stored)) return first;
  return {
    ...first,
    warnings: [
      ...verdict.warnings,
      {
        code: 'idempotency_key_reused',
        message:
          'An event with other content was stored under this idempotency key, and this one was not. ' +
          'Make a new key for every event.',
        violations: [],
      },
    ],
  };
}

function sameBody(sent: StoredEvent, stored: StoredEvent): boolean {
  return (
    sent.eventName === stored.eventName &&
    sent.userId === stored.userId &&
    sent.anonymousId === stored.anonymousId &&
    sent.occurredAt === stored.occurredAt &&
    sameObject(sent.properties, stored.properties) &&
    sameObject(sent.context, stored.context)
  );
}

function sameObject(one: JsonObject | undefined, other: JsonObject | undefined): boolean {
  return isDeepStrictEqual(asJson(one), asJson(other));
}

/** As JSON carries it: -0 is 0 there, and the comparison must not tell them apart. */
function asJson(value: JsonObject | undefined): unknown {
  return value === undefined ? {} : parseJsonText(JSON.stringify(value));
}
