import { eventColumns } from '../event-columns.ts';
import { tableNameOf, unplannedTable } from '../safe-name.ts';

/** Columns by which a table can be one of events, so that what it holds can be read. */
export const telltaleColumns: readonly string[] = [
  'event_id',
  'event_name',
  'timestamp',
  'sequence',
];

/** Whether a table or a view has the columns of every table. */
export function hasEventColumns(columns: Iterable<string>): boolean {
  const names = new Set(columns);
  return eventColumns.every(({ name }) => names.has(name));
}

export interface TableNaming {
  readonly prefix: string;
  readonly nameBytesMax: number;
}

/** The table of events without a contract. */
export function unplannedName({ prefix }: TableNaming): string {
  return `${prefix}${unplannedTable}`;
}

/**
 * Whether a destination with this prefix keeps the events of a name in this table. Two destinations may share
 * a database, each with a prefix.
 */
export function isTableOfEvent(table: string, event: string, naming: TableNaming): boolean {
  return table === tableNameOf(event, naming.nameBytesMax, naming.prefix);
}

/**
 * The tables of events among those that may be.
 *
 * Nothing that Headgate has noted elsewhere is asked, because it may be lost: the first row says which event
 * gave the table its name. A table without rows holds no events.
 *
 * @param firstEvent the name of the event in the first row of a table; undefined if it has no row.
 */
export async function eventTablesAmong(
  tables: readonly string[],
  naming: TableNaming,
  firstEvent: (table: string) => Promise<string | undefined> | string | undefined,
): Promise<string[]> {
  const found: string[] = [];
  for (const table of tables) {
    if (table !== unplannedName(naming)) {
      const event = await firstEvent(table);
      if (event === undefined || !isTableOfEvent(table, event, naming)) continue;
    }
    found.push(table);
  }
  return found;
}
