import type { TableDialect } from '../tables/dialect.ts';
import { eventColumns } from '../tables/event-columns.ts';
import { familyOf, isNumber, type LogicalType } from '../tables/logical-type.ts';
import {
  viewMark,
  type PlannedColumn,
  type PlannedViewColumn,
  type TableChanges,
  type TablePlan,
} from '../tables/plan-table.ts';

/** SQLite has no limit; this is PostgreSQL's, so that tables have the same names there. */
const nameBytesMax = 63;

/** Types of a STRICT table, which keep every value as it is written. */
function typeOf({ kind }: LogicalType): string {
  if (kind === 'boolean' || kind === 'integer') return 'INTEGER';
  if (kind === 'double') return 'REAL';
  // A number where a double holds all digits, else their text: SQLite has no exact decimals.
  if (kind === 'number' || kind === 'decimal' || kind === 'big_integer') return 'ANY';
  return 'TEXT';
}

export const sqliteDialect: TableDialect = { nameBytesMax, typeOf };

/**
 * The key of a table: it counts the rows of all tables of events, so that one index has the ids of all
 * (id-index.ts).
 */
export const numberColumn = 'headgate_number';

/** Which tables and views are Headgate's, and of which event. */
export const createRegister = `CREATE TABLE IF NOT EXISTS headgate_tables (
  table_name TEXT PRIMARY KEY NOT NULL,
  event_name TEXT,
  kind TEXT NOT NULL
) STRICT`;

/**
 * The statements that make the table what its plan says.
 *
 * @param isTaken whether something has a name: a table that somebody renamed keeps the names of its indexes.
 */
export function sqliteStatements(
  plan: TablePlan,
  { create, addCommon, add }: TableChanges,
  isTaken: (name: string) => boolean = () => false,
): string[] {
  const table = quoted(plan.table);
  if (create !== undefined) {
    const columns = [
      ...eventColumns.map(declareEventColumn),
      ...plan.columns.map(declare),
      `${quoted(numberColumn)} INTEGER PRIMARY KEY`,
    ];
    return [
      `CREATE TABLE ${table} (\n  ${columns.join(',\n  ')}\n) STRICT`,
      ...indexes(plan, isTaken),
    ];
  }
  const common = eventColumns.filter(({ name }) => addCommon.includes(name));
  const missing = common.map(({ name, type }) => `${quoted(name)} ${typeOf(type)}`);
  return [...missing, ...add.map(declare)].map(
    (column) => `ALTER TABLE ${table} ADD COLUMN ${column}`,
  );
}

function declareEventColumn({ name, type, isRequired }: (typeof eventColumns)[number]): string {
  return `${quoted(name)} ${typeOf(type)}${isRequired ? ' NOT NULL' : ''}`;
}

function declare({ name, declared }: PlannedColumn): string {
  return `${quoted(name)} ${declared}`;
}

/**
 * Ids of people are random, so that every row changes a page somewhere in their indexes, and the smaller these
 * are, the more of their pages are in the cache. So they have the ids alone: rows of one person are few, and
 * lie in the order in which they came.
 */
function indexes({ table, event }: TablePlan, isTaken: (name: string) => boolean): string[] {
  const freeName = (name: string): string => (isTaken(name) ? freeName(`${name}_2`) : name);
  const index = (name: string, columns: string, where = ''): string => {
    const named = quoted(freeName(`headgate_${table}_${name}`));
    return `CREATE INDEX ${named} ON ${quoted(table)} (${columns})${where}`;
  };
  return [
    index('time', event === undefined ? 'event_name, event_time' : 'event_time'),
    index('user', 'user_id', ' WHERE user_id IS NOT NULL'),
    index('anonymous', 'anonymous_id', ' WHERE anonymous_id IS NOT NULL'),
  ];
}

/** The view over all columns; undefined if the plan needs none. */
export function sqliteView({ table, view }: TablePlan): string | undefined {
  if (view === undefined) return undefined;
  const columns = [
    ...eventColumns.map(({ name }) => quoted(name)),
    ...view.columns.map(viewColumn),
  ];
  const query = `SELECT ${viewMark(view)} ${columns.join(', ')} FROM ${quoted(table)}`;
  return `CREATE VIEW ${quoted(view.name)} AS ${query}`;
}

/** Numbers stay numbers; other types that differ meet as text. */
function viewColumn({ name, columns }: PlannedViewColumn): string {
  if (columns.length === 1) return quoted(columns[0]!.name);
  const isNumeric = columns.every(({ type }) => isNumber(type));
  const values = columns.map((column) =>
    isNumeric ? quoted(column.name) : textOf(quoted(column.name), column.type),
  );
  return `coalesce(${values.join(', ')}) AS ${quoted(name)}`;
}

/** As JSON has it, but a string: SQLite keeps a boolean as an integer, and shows a whole double with `.0`. */
function textOf(value: string, type: LogicalType): string {
  const { kind } = type;
  // The text of a JSON string is the string, without quotes.
  if (familyOf(type) === 'json') {
    return `iif(json_type(${value}) = 'text', ${value} ->> '$', ${value})`;
  }
  if (kind === 'boolean') return `iif(${value}, 'true', iif(${value} IS NULL, NULL, 'false'))`;
  if (kind !== 'double' && kind !== 'number' && kind !== 'decimal') return `CAST(${value} AS TEXT)`;
  const whole = `CAST(${value} AS INTEGER)`;
  const [of15, of16, of17] = [
    `CAST(${value} AS TEXT)`,
    `printf('%!.16g', ${value})`,
    `printf('%!.17g', ${value})`,
  ];
  // Earlier versions of SQLite cast a double with 15 digits, so the first text that is the same double again is taken.
  return `CASE WHEN typeof(${value}) <> 'real' THEN ${of15}
    WHEN abs(${value}) < 1e15 AND ${value} = ${whole} THEN CAST(${whole} AS TEXT)
    WHEN CAST(${of15} AS REAL) = ${value} THEN ${of15}
    WHEN CAST(${of16} AS REAL) = ${value} THEN ${of16} ELSE ${of17} END`;
}

/**
 * `keyed`: for a table whose primary key is `event_id`, as the first ones were made. ON CONFLICT rather than OR
 * IGNORE, which would also silently skip a row that breaks a constraint somebody added.
 *
 * VALUES, because an INSERT with a SELECT first copies every page that it changes into a journal of its own.
 */
export function insertRow({ table, columns }: TablePlan, how: 'keyed' | 'numbered'): string {
  const named = [...eventColumns, ...columns].map(({ name }) => quoted(name));
  const names = how === 'keyed' ? named : [...named, quoted(numberColumn)];
  const values = names.map(() => '?').join(', ');
  const into = `INSERT INTO ${quoted(table)} (${names.join(', ')}) VALUES (${values})`;
  return how === 'keyed' ? `${into} ON CONFLICT (event_id) DO NOTHING` : into;
}

/** Any name: those of tables that were found are not ours. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
