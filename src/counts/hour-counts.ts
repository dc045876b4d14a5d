/** What can become of an event, as it is counted by hour. */
export const countedOutcomes = ['accepted', 'duplicate', 'rejected', 'dead'] as const;
export type CountedOutcome = (typeof countedOutcomes)[number];

/** The events of one name and one source. */
export type PairCounts = Record<CountedOutcome, number>;

/** Counts of one hour, by event name and source. */
export interface HourCounts {
  /** Hours since the Unix epoch. */
  readonly hour: number;
  add(eventName: string, source: string, outcome: CountedOutcome, events: number): void;
  pairs(): Iterable<CountedPair>;
}

export interface CountedPair extends Readonly<PairCounts> {
  readonly eventName: string;
  readonly source: string;
}

/** Names and sources beyond this count as `_other`: an entry of an hour stays below 300 KB. */
export const pairsMax = 500;

const otherName = '_other';

export const hourMs = 3_600_000;

export function createHourCounts(hour: number): HourCounts {
  const pairs = new Map<string, CountedPair & PairCounts>();
  const pairOf = (eventName: string, source: string): PairCounts => {
    const key = `${eventName}\0${source}`;
    const known = pairs.get(key);
    if (known !== undefined) return known;
    const isOther = eventName === otherName && source === otherName;
    if (pairs.size >= pairsMax - 1 && !isOther) return pairOf(otherName, otherName);
    const made = { eventName, source, accepted: 0, duplicate: 0, rejected: 0, dead: 0 };
    pairs.set(key, made);
    return made;
  };
  return {
    hour,
    add: (eventName, source, outcome, events) => {
      if (events > 0) pairOf(eventName, source)[outcome] += events;
    },
    pairs: () => pairs.values(),
  };
}

/** `[name, source, accepted, duplicate, rejected, dead]`. */
type PairRow = readonly [string, string, number, number, number, number];

export function encodeHourCounts({ hour, pairs }: HourCounts): string {
  const rows = [...pairs()].map(({ eventName, source, ...counts }): PairRow => [
    eventName,
    source,
    counts.accepted,
    counts.duplicate,
    counts.rejected,
    counts.dead,
  ]);
  return JSON.stringify({ hour, rows });
}

/** Undefined for a text that is no entry: anybody with access to NATS can write to the bucket. */
export function decodeHourCounts(
  text: string,
): { readonly hour: number; readonly pairs: readonly CountedPair[] } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { hour, rows } = (value ?? {}) as { hour?: unknown; rows?: unknown };
  if (!isCount(hour) || !Array.isArray(rows) || !rows.every(isRow)) return undefined;
  const pairs = rows.map(([eventName, source, accepted, duplicate, rejected, dead]) => ({
    eventName,
    source,
    accepted,
    duplicate,
    rejected,
    dead,
  }));
  return { hour, pairs };
}

function isRow(row: unknown): row is PairRow {
  if (!Array.isArray(row) || row.length !== 6) return false;
  const [eventName, source, ...counts] = row as unknown[];
  return typeof eventName === 'string' && typeof source === 'string' && counts.every(isCount);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
