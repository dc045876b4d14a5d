import type { CountEntry } from '../jetstream/counts/count-entries.ts';
import {
  countedOutcomes,
  decodeHourCounts,
  hourMs,
  type CountedDestination,
  type CountedPair,
  type PairCounts,
} from './hour-counts.ts';

/** Which counts are summed up. Times are Unix times in ms. */
export interface CountRange {
  readonly sinceMs: number;
  /** Infinity: up to now. */
  readonly untilMs: number;
  /** Empty: every one. */
  readonly eventName: string;
  readonly source: string;
}

export interface CountedHour extends Readonly<PairCounts> {
  readonly startMs: number;
  /** To all destinations together; 0 if a name or a source is selected, which deliveries are not counted by. */
  readonly delivered: number;
}

export interface SummedCounts {
  /** Every hour of the range, the oldest first. */
  readonly hours: readonly CountedHour[];
  /** The most rejected first, then the most accepted. */
  readonly pairs: readonly CountedPair[];
  /** The most delivered first; empty if a name or a source is selected. */
  readonly destinations: readonly CountedDestination[];
  /** Undefined if nothing was ever counted. */
  readonly updatedAtMs: number | undefined;
}

/** Eight days: the same hour of last week, and the day before it. */
export const hoursKept = 8 * 24;

/** Sums up what all processes counted. Entries that cannot be read count as nothing. */
export async function sumCounts(
  entries: AsyncIterable<CountEntry>,
  range: CountRange,
  nowMs: number,
): Promise<SummedCounts> {
  const last = Math.floor(Math.min(nowMs, range.untilMs - 1) / hourMs);
  const newest = Math.floor(nowMs / hourMs);
  const first = Math.max(Math.ceil(range.sinceMs / hourMs), newest - hoursKept);
  const isOfAll = range.eventName === '' && range.source === '';
  const hours = new Map<number, CountedHour & PairCounts & { delivered: number }>();
  for (let hour = first; hour <= last; hour += 1) {
    hours.set(hour, { startMs: hour * hourMs, delivered: 0, ...noCounts() });
  }
  const pairs = new Map<string, CountedPair & PairCounts>();
  const delivered = new Map<string, number>();
  let updatedAtMs: number | undefined;
  for await (const { text, storedAtMs } of entries) {
    updatedAtMs = Math.max(updatedAtMs ?? 0, storedAtMs);
    const entry = decodeHourCounts(text);
    const sum = entry && hours.get(entry.hour);
    if (entry === undefined || sum === undefined) continue;
    for (const pair of entry.pairs) {
      if (range.eventName !== '' && pair.eventName !== range.eventName) continue;
      if (range.source !== '' && pair.source !== range.source) continue;
      const key = `${pair.eventName}\0${pair.source}`;
      const { eventName, source } = pair;
      const known = pairs.get(key) ?? { eventName, source, ...noCounts() };
      pairs.set(key, known);
      for (const outcome of countedOutcomes) {
        sum[outcome] += pair[outcome];
        known[outcome] += pair[outcome];
      }
    }
    if (!isOfAll) continue;
    for (const { destination, delivered: events } of entry.destinations) {
      sum.delivered += events;
      delivered.set(destination, (delivered.get(destination) ?? 0) + events);
    }
  }
  const sorted = [...pairs.values()].sort(
    (one, other) => other.rejected - one.rejected || other.accepted - one.accepted,
  );
  const destinations = [...delivered]
    .map(([destination, events]) => ({ destination, delivered: events }))
    .sort((one, other) => other.delivered - one.delivered);
  return { hours: [...hours.values()], pairs: sorted, destinations, updatedAtMs };
}

function noCounts(): PairCounts {
  return { accepted: 0, duplicate: 0, rejected: 0, dead: 0 };
}
