/** What has become of the events of one hour and name at one destination. */
export interface Account {
  delivered: number;
  waiting: number;
  dead: number;
  discarded: number;
  filtered: number;
}

export type Column = keyof Account;

/** One hour and event name. */
export interface BookRow {
  /** RFC 3339: when the hour began. */
  readonly hour: string;
  readonly eventName: string;
  accepted: number;
  /** In the order of the destinations. */
  readonly accounts: readonly Account[];
}

/** What is missing: 0 where the books balance. */
export function differenceOf(accepted: number, account: Account): number {
  const { delivered, waiting, dead, discarded, filtered } = account;
  return accepted - delivered - waiting - dead - discarded - filtered;
}

/** Beyond this, which takes names by the thousand, the rest of the names share a row an hour. */
const rowsMax = 50_000;
export const otherName = '_other';

export interface Book {
  /** The number of the row of an hour and a name. */
  rowOf(hour: string, eventName: string): number;
  readonly rows: readonly BookRow[];
}

export function createBook(destinationsCount: number): Book {
  const rows: BookRow[] = [];
  const byKey = new Map<string, number>();
  const rowOf = (hour: string, eventName: string): number => {
    const key = `${hour} ${eventName}`;
    const known = byKey.get(key);
    if (known !== undefined) return known;
    if (rows.length >= rowsMax && eventName !== otherName) return rowOf(hour, otherName);
    const accounts = Array.from({ length: destinationsCount }, emptyAccount);
    rows.push({ hour, eventName, accepted: 0, accounts });
    byKey.set(key, rows.length - 1);
    return rows.length - 1;
  };
  return { rowOf, rows };
}

export function emptyAccount(): Account {
  return { delivered: 0, waiting: 0, dead: 0, discarded: 0, filtered: 0 };
}
