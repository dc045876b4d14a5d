import type { PlanOptions } from '../plan-table.ts';

/** What a reader has to know of the tables of a destination, to name them in another tool. */
export interface TablesLocation {
  /** How its tables are planned. */
  readonly plan: PlanOptions;
  /** The schema or database that has the tables, without quotes. Undefined for files. */
  readonly schema: string | undefined;
  /** The folder of files, with a folder for each table. Undefined for a database. */
  readonly folder: string | undefined;
  /** Whether a changed type has a view over its columns. */
  readonly hasViews: boolean;
  /** Whether a plain SELECT shows each event once. */
  readonly hasUniqueIds: boolean;
}
