import type { LogicalType } from './logical-type.ts';

/** What the plan of a table has to know of an engine. */
export interface TableDialect {
  /** The longest name of a table, a view or a column. Names are ASCII. */
  readonly nameBytesMax: number;
  /**
   * The type of a column as the engine declares it and reports it. Types of one family that are declared
   * alike share a column.
   */
  readonly typeOf: (type: LogicalType) => string;
}
