/** What happened to the events of one hour and name at one destination. */
export interface EventCounts {
  delivered: number;
  waiting: number;
  dead: number;
  discarded: number;
  filtered: number;
  /** Stored before the destination started. */
  beforeStart: number;
}

export type CountColumn = keyof EventCounts;

/** One hour and event name. */
export interface CountRow {
  /** When the hour began: RFC 3339, UTC. */
  readonly hour: string;
  readonly eventName: string;
  accepted: number;
  /** One item per destination, in their order. */
  readonly counts: readonly EventCounts[];
}

/** How many events are missing; 0 if the counts match. */
export function differenceOf(accepted: number, counts: EventCounts): number {
  const { delivered, waiting, dead, discarded, filtered, beforeStart } = counts;
  return accepted - delivered - waiting - dead - discarded - filtered - beforeStart;
}

/** Above this limit, which takes thousands of names, further names share one row per hour. */
const rowsMax = 50_000;
export const otherName = '_other';

export interface CountTable {
  /** The number of the row of an hour and a name. */
  rowOf(hour: string, eventName: string): number;
  readonly rows: readonly CountRow[];
}

export function createCountTable(destinationsCount: number): CountTable {
  const rows: CountRow[] = [];
  const byKey = new Map<string, number>();
  const rowOf = (hour: string, eventName: string): number => {
    const key = `${hour} ${eventName}`;
    const known = byKey.get(key);
    if (known !== undefined) return known;
    if (rows.length >= rowsMax && eventName !== otherName) return rowOf(hour, otherName);
    const counts = Array.from({ length: destinationsCount }, zeroCounts);
    rows.push({ hour, eventName, accepted: 0, counts });
    byKey.set(key, rows.length - 1);
    return rows.length - 1;
  };
  return { rowOf, rows };
}

export function zeroCounts(): EventCounts {
  return { delivered: 0, waiting: 0, dead: 0, discarded: 0, filtered: 0, beforeStart: 0 };
}
