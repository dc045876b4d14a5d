import type { EventContract } from '../../event/contracts/event-contract.ts';
import { pointerTo } from '../../event/json/json-pointer.ts';
import type { TableDialect } from './dialect.ts';
import { eventColumns } from './event-columns.ts';
import { familyOf, unionOf, type LogicalType } from './logical-type.ts';
import { propertiesOf, type TypedProperty } from './properties.ts';
import { createColumnNames, tableNameOf, unplannedTable, viewSuffix } from './safe-name.ts';

/** A column of a property. */
export interface PlannedColumn {
  readonly name: string;
  readonly path: readonly string[];
  /** Holds the values of all its versions. */
  readonly type: LogicalType;
  /** The type as the engine declares it. */
  readonly declared: string;
  /** The versions whose values it holds. */
  readonly versions: readonly number[];
}

/**
 * Where the value of a column is in the properties, as a JSON pointer (RFC 6901), if its name does not say it: `/Order ID`
 * of `order_id`. Undefined if it does.
 */
export function propertyOf({ name, path }: PlannedColumn): string | undefined {
  if (name === path.join('_')) return undefined;
  return pointerTo(path);
}

/** One column of the view: the value of the first of `columns` that has one. */
export interface PlannedViewColumn {
  readonly name: string;
  /** The newest first. */
  readonly columns: readonly PlannedColumn[];
}

export interface PlannedView {
  readonly name: string;
  readonly columns: readonly PlannedViewColumn[];
  /** The version that began the newest of its columns. */
  readonly newest: number;
}

/**
 * The table of one event, made from all versions of its schema. The same versions make the same plan,
 * and one more version only adds to it. Plain data, so that it can be sent to a thread.
 */
export interface TablePlan {
  /** Undefined for the table of all events without a contract. */
  readonly event: string | undefined;
  readonly table: string;
  /** How many versions of the contract it is made from. */
  readonly versions: number;
  readonly columns: readonly PlannedColumn[];
  /** Present if the type of a property has changed. */
  readonly view?: PlannedView;
  /** How many properties have no column, because `columnsMax` is reached. */
  readonly left: number;
}

/**
 * Where PostgreSQL still has room in a page for the row: it stores a value elsewhere only from 25 bytes
 * on.
 */
export const columnsMax = 300;

export interface PlanOptions {
  readonly dialect: TableDialect;
  /** Put before every name of a table. */
  readonly prefix?: string;
}

/** Plans the table of events without a contract: it has the columns of every table. */
export function planUnplanned({ prefix = '' }: PlanOptions): TablePlan {
  return {
    event: undefined,
    table: `${prefix}${unplannedTable}`,
    versions: 0,
    columns: [],
    left: 0,
  };
}

/**
 * Plans the table of one event.
 *
 * A property has one column as long as its type stays. A version in which it has another type begins
 * a column of its own, whose name says the version, and a view reads both.
 */
export function planTable({ name, schemas }: EventContract, options: PlanOptions): TablePlan {
  const { dialect, prefix } = options;
  const columns = new Map<string, PlannedColumn[]>();
  const names = createColumnNames(
    eventColumns.map((column) => column.name),
    dialect.nameBytesMax,
  );
  let count = 0;
  let left = 0;
  for (const [index, schema] of schemas.entries()) {
    const version = index + 1;
    for (const property of propertiesOf(schema)) {
      const key = JSON.stringify(property.path);
      const known = columns.get(key) ?? [];
      if (extend(known, property, version, dialect)) continue;
      if (count >= columnsMax) {
        left += 1;
        continue;
      }
      count += 1;
      const named = names.nameOf(property.path, known.length === 0 ? undefined : version);
      const declared = dialect.typeOf(property.type);
      known.push({ ...property, name: named, declared, versions: [version] });
      columns.set(key, known);
    }
  }
  const table = tableNameOf(name, dialect.nameBytesMax, prefix);
  const all = [...columns.values()];
  const view = all.some((same) => same.length > 1) ? { view: viewOf(table, all) } : {};
  const inOrder = all.flat().toSorted((one, other) => one.versions[0]! - other.versions[0]!);
  return { event: name, table, versions: schemas.length, columns: inOrder, ...view, left };
}

/** Adds a version to the column that holds its type, if one does. */
function extend(
  known: PlannedColumn[],
  { path, type }: TypedProperty,
  version: number,
  dialect: TableDialect,
): boolean {
  const declared = dialect.typeOf(type);
  const at = known.findIndex(
    (column) => column.declared === declared && familyOf(column.type) === familyOf(type),
  );
  const column = known[at];
  if (column === undefined) return false;
  // An event of an earlier version may come later, and its value must still fit.
  const union = unionOf([column.type, type]);
  const wide = dialect.typeOf(union) === declared ? union : type;
  known[at] = { ...column, path, type: wide, versions: [...column.versions, version] };
  return true;
}

function viewOf(table: string, all: readonly PlannedColumn[][]): PlannedView {
  const columns = all.map((same) => ({ name: same[0]!.name, columns: same.toReversed() }));
  const newest = Math.max(...all.flat().map(({ versions }) => versions[0]!));
  return { name: `${table}${viewSuffix}`, columns, newest };
}

/** What the query of a view says, so that a worker with older contracts leaves it as it is. */
export function viewMark({ newest }: PlannedView): string {
  return `/* up to version ${newest} */`;
}

const mark = /\/\* up to version (\d+) \*\//;

/** Whether Headgate has made the view. */
export function isMarked(sql: string): boolean {
  return mark.test(sql);
}

/** @param sql of the view as it is. */
export function isNewerView(sql: string | undefined, { newest }: PlannedView): boolean {
  const made = mark.exec(sql ?? '')?.[1];
  return made !== undefined && Number(made) > newest;
}

/** What is missing of a table, and what stands in the way. */
export interface TableChanges {
  /** Undefined if the table exists. */
  readonly create: TablePlan | undefined;
  /** Columns of every table that this one lacks. */
  readonly addCommon: readonly string[];
  readonly add: readonly PlannedColumn[];
  /** Columns that exist with another type: somebody altered the table, or a released schema. */
  readonly wrong: readonly { readonly name: string; readonly is: string; readonly wants: string }[];
}

/**
 * Compares a plan with the table as it is.
 *
 * @param existing the declared type of each column; undefined if the table does not exist.
 */
export function changesOf(
  plan: TablePlan,
  existing: ReadonlyMap<string, string> | undefined,
  dialect: TableDialect,
): TableChanges {
  if (existing === undefined) return { create: plan, addCommon: [], add: [], wrong: [] };
  const wanted = [
    ...eventColumns.map(({ name, type }) => ({ name, declared: dialect.typeOf(type) })),
    ...plan.columns,
  ];
  const wrong = wanted
    .filter(({ name, declared }) => existing.has(name) && existing.get(name) !== declared)
    .map(({ name, declared }) => ({ name, is: existing.get(name)!, wants: declared }));
  const isMissing = ({ name }: { readonly name: string }): boolean => !existing.has(name);
  return {
    create: undefined,
    addCommon: eventColumns.filter(isMissing).map(({ name }) => name),
    add: plan.columns.filter(isMissing),
    wrong,
  };
}

/** The first of these columns that a plan does not have. */
export function columnBeside(plan: TablePlan, names: readonly string[]): string | undefined {
  const known = new Set([...eventColumns, ...plan.columns].map(({ name }) => name));
  return names.find((name) => !known.has(name));
}
