import type { DestinationStart } from '../config.ts';
import { parseDuration } from '../units.ts';

/** RFC 3339, with a zone: without one, machines would read different times. */
const timePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;

/**
 * Reads `earliest`, `now`, an age (`7d`) or a time (`2026-11-01T00:00:00Z`); undefined for anything
 * else.
 */
export function readStart(text: string): DestinationStart | undefined {
  if (text === 'earliest' || text === 'now') return { kind: text };
  const age = parseDuration(text);
  if (age !== undefined) return { kind: 'age', ms: age };
  const timeMs = timePattern.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : { kind: 'time', ms: timeMs };
}
