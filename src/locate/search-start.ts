import { isUuid } from '../event/event-id.ts';

/**
 * The usual lead of a producer's clock over ours. At 100,000 events a second, each additional
 * second reads 100,000 more events. A search without a result can be repeated with an earlier
 * start.
 */
const clockSkewMs = 250;
const earliestPlausibleMs = Date.UTC(2020, 0, 1);

/** When a UUID of version 7 was created: a Unix time in ms. Undefined if the id holds no time. */
export function timeOfUuid(id: string): number | undefined {
  if (!isUuid(id) || id[14] !== '7') return undefined;
  const timeMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return timeMs >= earliestPlausibleMs ? timeMs : undefined;
}

/**
 * The default start of a search, a Unix time in ms: no event is stored before its key is created.
 */
export function searchFrom(id: string, nowMs: number, daysMs: number): number {
  const madeMs = timeOfUuid(id);
  return madeMs === undefined ? nowMs - daysMs : Math.min(madeMs, nowMs) - clockSkewMs;
}
