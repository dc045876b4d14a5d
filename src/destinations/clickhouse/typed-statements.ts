import type { TableDialect } from '../tables/dialect.ts';
import { eventColumns, type EventColumn } from '../tables/event-columns.ts';
import { misfitsAt } from '../tables/event-row.ts';
import { familyOf, isNumber, type LogicalType } from '../tables/logical-type.ts';
import type {
  PlannedColumn,
  PlannedViewColumn,
  TableChanges,
  TablePlan,
} from '../tables/plan-table.ts';
import type { InsertedColumn } from './rows/row-layout.ts';

/** ClickHouse takes longer ones; this is PostgreSQL's limit, so that tables have the same names there. */
const nameBytesMax = 63;

/** Digits of a column that takes numbers of any size: as many before the point as after it. */
export const anyNumber = { precision: 76, scale: 38 } as const;

/** The digits of a column of exact numbers. */
export function decimalOf(type: LogicalType): { precision: number; scale: number } | undefined {
  if (type.kind === 'number') return anyNumber;
  if (type.kind !== 'decimal') return undefined;
  const { scale, precision = 0 } = type;
  return { precision: scale > 18 || precision > 38 ? 76 : 38, scale };
}

/** Without Nullable. */
function baseTypeOf(type: LogicalType): string {
  const decimal = decimalOf(type);
  if (decimal !== undefined) return `Decimal(${decimal.precision}, ${decimal.scale})`;
  switch (type.kind) {
    case 'uuid':
      return 'UUID';
    case 'timestamp':
      return "DateTime64(9, 'UTC')";
    case 'date':
      return 'Date32';
    case 'boolean':
      return 'Bool';
    case 'integer':
      return 'Int64';
    case 'big_integer':
      return 'Int256';
    case 'double':
      return 'Float64';
    default:
      // Arrays, maps and other JSON as their text: a column of arrays has no NULL.
      return 'String';
  }
}

function typeOf(type: LogicalType): string {
  const base = `Nullable(${baseTypeOf(type)})`;
  return type.kind === 'enum' ? `LowCardinality(${base})` : base;
}

export const clickhouseDialect: TableDialect = { nameBytesMax, typeOf };

/** By which a table or a view is known as Headgate's, and as that of the event. */
export function commentOf(event: string | undefined): string {
  return event === undefined ? 'Headgate: events without a contract' : `Headgate: ${event}`;
}

/** The comment of a view also says how new its columns are: ClickHouse keeps no comment in its query. */
export function viewCommentOf(event: string | undefined, newest: number): string {
  return `Headgate, up to version ${newest}: ${event}`;
}

/** The version in the comment of a view. */
export function versionIn(comment: string): number | undefined {
  const made = /^Headgate, up to version (\d+): /.exec(comment)?.[1];
  return made === undefined ? undefined : Number(made);
}

function eventColumnType({ name, type, isRequired }: EventColumn): string {
  const base = baseTypeOf(type);
  const isName = name === 'event_name' || name === 'source';
  const required = isName ? `LowCardinality(${base})` : base;
  return isRequired ? required : typeOf(type);
}

function declareEventColumn(column: EventColumn): string {
  const declared = `${quoted(column.name)} ${eventColumnType(column)}`;
  return column.name === serverColumn ? `${declared} DEFAULT now64(9, 'UTC')` : declared;
}

/** The server's clock says when a row was written. */
const serverColumn = 'delivered_at';

/** As the plan knows it: columns of every table are declared without Nullable if they have no NULL. */
export function plannedType(name: string, reported: string): string {
  const column = eventColumns.find((each) => each.name === name);
  if (column?.isRequired !== true) return reported;
  return reported === eventColumnType(column) ? typeOf(column.type) : reported;
}

/**
 * The statements that make the table what its plan says. Another worker may do the same at the same time.
 *
 * What identifies a row has no time in it (docs/adr/0033-identity-without-a-clock.md), so a table is in the
 * order of the ids, as the table of all events is within a name.
 */
export function clickhouseStatements(
  plan: TablePlan,
  { create, addCommon, add }: TableChanges,
): string[] {
  const table = quoted(plan.table);
  if (create !== undefined) {
    const columns = [...eventColumns.map(declareEventColumn), ...plan.columns.map(declare)];
    const key = plan.event === undefined ? '(event_name, event_id)' : 'event_id';
    return [
      `CREATE TABLE IF NOT EXISTS ${table} (
        ${columns.join(',\n        ')},
        INDEX headgate_by_event_time event_time TYPE minmax GRANULARITY 1,
        INDEX headgate_by_user user_id TYPE bloom_filter GRANULARITY 1,
        INDEX headgate_by_anonymous anonymous_id TYPE bloom_filter GRANULARITY 1,
        headgate_first_wins UInt64
          MATERIALIZED toUInt64(20000000000000 - toUnixTimestamp64Milli(timestamp))
      )
      ENGINE = ReplacingMergeTree(headgate_first_wins)
      ORDER BY ${key}
      SETTINGS non_replicated_deduplication_window = 1000
      COMMENT ${text(commentOf(plan.event))}`,
    ];
  }
  const common = eventColumns.filter(({ name }) => addCommon.includes(name));
  const missing = common.map(({ name, type }) => `${quoted(name)} ${typeOf(type)}`);
  const added = [...missing, ...add.map(declare)];
  if (added.length === 0) return [];
  const clauses = added.map((column) => `ADD COLUMN IF NOT EXISTS ${column}`);
  return [`ALTER TABLE ${table} ${clauses.join(', ')}`];
}

function declare({ name, declared }: PlannedColumn): string {
  return `${quoted(name)} ${declared}`;
}

/**
 * The view over all columns, with each event once; undefined if the plan needs none. Columns of several
 * types are read as numbers where all are numbers, else as text.
 */
export function clickhouseView({ event, table, view }: TablePlan): string | undefined {
  if (view === undefined) return undefined;
  const columns = [
    ...eventColumns.map(({ name }) => quoted(name)),
    ...view.columns.map((column) => viewColumn(table, column)),
  ];
  return (
    `CREATE OR REPLACE VIEW ${quoted(view.name)} AS ` +
    `SELECT ${columns.join(', ')} FROM ${quoted(table)} FINAL ` +
    `COMMENT ${text(viewCommentOf(event, view.newest))}`
  );
}

function viewColumn(table: string, column: PlannedViewColumn): string {
  const { name, columns } = column;
  if (columns.length === 1) return quoted(name);
  const number = viewNumberOf(column);
  const values = columns.map((each) => {
    const value = `${quoted(table)}.${quoted(each.name)}`;
    if (number !== undefined) return `CAST(${value} AS ${number})`;
    // The text of a JSON string is the string, without quotes.
    return familyOf(each.type) === 'json'
      ? `if(startsWith(${value}, '"'), JSONExtractString(${value}), ${value})`
      : `toString(${value})`;
  });
  return `coalesce(${values.join(', ')}) AS ${quoted(name)}`;
}

/**
 * The type of a column of a view over several types of numbers, as ClickHouse reports it. Undefined if the
 * column is of one type, or a text.
 *
 * A Decimal with all the digits of each, or else a Float64, which rounds: no value is left out.
 */
export function viewNumberOf({ columns }: PlannedViewColumn): string | undefined {
  if (columns.length === 1 || !columns.every(({ type }) => isNumber(type))) return undefined;
  const kinds = new Set(columns.map(({ type }) => type.kind));
  if (kinds.has('double')) return 'Nullable(Float64)';
  if ([...kinds].every((kind) => kind.endsWith('integer'))) return 'Nullable(Int256)';
  if (kinds.has('big_integer')) return 'Nullable(Float64)';
  const decimals = columns.map(({ type }) => decimalOf(type) ?? { precision: 19, scale: 0 });
  const scale = Math.max(...decimals.map((decimal) => decimal.scale));
  const whole = Math.max(...decimals.map((decimal) => decimal.precision - decimal.scale));
  return whole + scale > 76 ? 'Nullable(Float64)' : `Nullable(Decimal(76, ${scale}))`;
}

/** The columns of an insert, with the types that a table is made with. */
export function typedColumns({ columns }: TablePlan): InsertedColumn[] {
  return [
    ...writtenColumns.map((column): InsertedColumn => [column.name, eventColumnType(column)]),
    ...columns.map(({ name, declared }): InsertedColumn => [name, declared]),
    [misfitsColumn.name, eventColumnType(misfitsColumn)],
  ];
}

const misfitsColumn = eventColumns[misfitsAt]!;

/** Those of `eventColumns` that an insert has before the properties. The misfits come after these. */
export const writtenColumns = eventColumns.filter(
  (column) => column.name !== serverColumn && column !== misfitsColumn,
);

/** Any name: those of tables that were found are not ours. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

/** A literal. */
export function text(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
