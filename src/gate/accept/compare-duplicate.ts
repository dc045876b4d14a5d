import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import { sameJson } from '../../event/json/same-json.ts';
import { decodeStoredEvent, type StoredEvent } from '../../event/stored-event.ts';
import type { Verdict } from '../../event/verdict.ts';

/**
 * Compares a duplicate with the first copy. The log deduplicates by id alone, so it drops another body
 * under the same id: a caller that reuses its keys gets the warning `idempotency_key_reused`.
 *
 * @param readStored returns the text of the first copy.
 * @param payload what would have been stored, from `encodeStoredEvent`.
 * @param verdict of the duplicate, whose `sequence` is the first copy's.
 * @returns the verdict with the first copy's time and version. As it was, where the first copy cannot
 * be read.
 */
export async function compareDuplicate(
  readStored: (sequence: number) => Promise<string | undefined>,
  payload: string,
  verdict: Verdict,
): Promise<Verdict> {
  let text: string | undefined;
  let stored: StoredEvent;
  try {
    text = await readStored(verdict.sequence);
    if (text === undefined) return verdict;
    stored = decodeStoredEvent(text);
  } catch {
    // The verdict stands without the comparison.
    return verdict;
  }
  const first = {
    ...verdict,
    timestampMs: Date.parse(stored.timestamp),
    schemaVersion: stored.schemaVersion ?? 0,
  };
  if (sameBody(payload, text)) return first;
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

function sameBody(sentText: string, storedText: string): boolean {
  const sent = decodeStoredEvent(sentText);
  const stored = decodeStoredEvent(storedText);
  return (
    sent.eventName === stored.eventName &&
    sent.userId === stored.userId &&
    sent.anonymousId === stored.anonymousId &&
    sameTime(sent.occurredAt, stored.occurredAt) &&
    sameJson(sentText, storedText, contentOf)
  );
}

function contentOf(event: JsonValue): JsonValue[] {
  const { properties = {}, context = {} } = event as JsonObject;
  return [properties, context];
}

/** Earlier versions stored times to the millisecond: a copy of theirs equals a finer one. */
function sameTime(sent: string | undefined, stored: string | undefined): boolean {
  if (sent === stored) return true;
  if (sent === undefined || stored === undefined || stored.length !== millisecondsLength)
    return false;
  return `${sent.slice(0, millisecondsLength - 1)}Z` === stored;
}

const millisecondsLength = '2026-03-01T12:00:00.123Z'.length;
