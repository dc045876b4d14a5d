import { eventColumns } from '../tables/event-columns.ts';
import { addMisfits, misfitsAt, type EventRow } from '../tables/event-row.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import { textOf } from './columns.ts';

/** A row on its way to a table: a line of JSON. */
export interface LoadLine {
  readonly table: string;
  readonly eventId: string;
  readonly text: string;
}

/** The member of a line that says its table. No column has a name that begins so. */
export const tableMember = 'headgate_table';

/** A line is a VARIANT, which holds 16 MiB; some of them are for what Snowflake adds. */
export const lineBytesMax = 16_000_000;

/**
 * The line of a row: each value as the text from which Snowflake makes it. A value that its column cannot
 * hold is left out and its column named in `misfits`, as with every other value that does not fit.
 */
export function lineOf(plan: Pick<TablePlan, 'columns' | 'table'>, row: EventRow): string {
  const columns = [...eventColumns, ...plan.columns];
  const members: Record<string, string> = { [tableMember]: plan.table };
  const misfits: string[] = [];
  for (const [at, value] of [...row.event, ...row.properties].entries()) {
    const { name, type } = columns[at]!;
    const text = textOf(value, type);
    if (text === undefined) misfits.push(name);
    else if (text !== null) members[name] = text;
  }
  if (misfits.length > 0) {
    members['misfits'] = JSON.stringify(addMisfits(row.event[misfitsAt], misfits));
  }
  return JSON.stringify(members);
}
