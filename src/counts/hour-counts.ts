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
  addDelivered(destination: string, events: number): void;
  pairs(): Iterable<CountedPair>;
  destinations(): Iterable<CountedDestination>;
}

/** Deliveries to one destination. */
export interface CountedDestination {
  readonly destination: string;
  readonly delivered: number;
}

export interface CountedPair extends Readonly<PairCounts> {
  readonly eventName: string;
  readonly source: string;
}

/** Names and sources beyond this count as `_other`: an entry of an hour stays below 300 KB. */
export const pairsMax = 500;

/** The same for names of destinations. */
export const destinationsMax = 200;

const otherName = '_other';

export const hourMs = 3_600_000;

export function createHourCounts(hour: number): HourCounts {
  const pairs = new Map<string, CountedPair & PairCounts>();
  const delivered = new Map<string, number>();
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
    addDelivered: (destination, events) => {
      if (events <= 0) return;
      const isCounted = delivered.has(destination) || delivered.size < destinationsMax - 1;
      const name = isCounted ? destination : otherName;
      delivered.set(name, (delivered.get(name) ?? 0) + events);
    },
    pairs: () => pairs.values(),
    destinations: () =>
      [...delivered].map(([destination, events]) => ({ destination, delivered: events })),
  };
}

/** `[name, source, accepted, duplicate, rejected, dead]`. */
type PairRow = readonly [string, string, number, number, number, number];

/** `[destination, delivered]`. */
type DestinationRow = readonly [string, number];

export function encodeHourCounts({ hour, pairs, destinations }: HourCounts): string {
  const rows = [...pairs()].map(({ eventName, source, ...counts }): PairRow => [
    eventName,
    source,
    counts.accepted,
    counts.duplicate,
    counts.rejected,
    counts.dead,
  ]);
  const delivered = [...destinations()].map(
    ({ destination, delivered: events }): DestinationRow => [destination, events],
  );
  // Versions that do not know the member leave it alone.
  return JSON.stringify({ hour, rows, ...(delivered.length > 0 && { delivered }) });
}

/** An entry of the bucket. */
export interface DecodedCounts {
  readonly hour: number;
  readonly pairs: readonly CountedPair[];
  readonly destinations: readonly CountedDestination[];
}

/** Undefined for a text that is no entry: anybody with access to NATS can write to the bucket. */
export function decodeHourCounts(text: string): DecodedCounts | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { hour, rows, delivered = [] } = (value ?? {}) as Record<string, unknown>;
  if (!isCount(hour) || !Array.isArray(rows) || !rows.every(isRow)) return undefined;
  if (!Array.isArray(delivered) || !delivered.every(isDestinationRow)) return undefined;
  const pairs = rows.map(([eventName, source, accepted, duplicate, rejected, dead]) => ({
    eventName,
    source,
    accepted,
    duplicate,
    rejected,
    dead,
  }));
  const destinations = delivered.map(([destination, events]) => ({
    destination,
    delivered: events,
  }));
  return { hour, pairs, destinations };
}

function isDestinationRow(row: unknown): row is DestinationRow {
  return Array.isArray(row) && row.length === 2 && typeof row[0] === 'string' && isCount(row[1]);
}

function isRow(row: unknown): row is PairRow {
  if (!Array.isArray(row) || row.length !== 6) return false;
  const [eventName, source, ...counts] = row as unknown[];
  return typeof eventName === 'string' && typeof source === 'string' && counts.every(isCount);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
