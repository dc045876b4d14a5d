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

const types: Readonly<Record<LogicalType['kind'], string>> = {
  text: 'text',
  // Not an enum of PostgreSQL: a value more would alter the type of every table.
  enum: 'text',
  uuid: 'uuid',
  timestamp: 'timestamp with time zone',
  date: 'date',
  time: 'time with time zone',
  boolean: 'boolean',
  integer: 'bigint',
  big_integer: 'numeric',
  decimal: 'numeric',
  number: 'numeric',
  double: 'double precision',
  json: 'jsonb',
  array: 'jsonb',
  map: 'jsonb',
};

/** Types as `format_type` reports them. */
export const postgresDialect: TableDialect = {
  nameBytesMax: 63,
  typeOf: ({ kind }) => types[kind],
};

/** Where tables are: the schema of the setting `table`, quoted and with its dot, or empty. */
export type SchemaPrefix = string;

/** `headgate_tables` says which tables and views are Headgate's, and of which event. */
export const createRegister = (schema: SchemaPrefix): string => `
  CREATE TABLE IF NOT EXISTS ${schema}headgate_tables (
    table_name text PRIMARY KEY,
    event_name text,
    kind text NOT NULL,
    definition text
  )`;

export const enterInRegister = (schema: SchemaPrefix): string => `
  INSERT INTO ${schema}headgate_tables VALUES ($1, $2, $3, $4)
  ON CONFLICT (table_name) DO UPDATE SET definition = excluded.definition`;

export const readColumns = `
  SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
  WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`;

/** `table`, `view`, or the like. */
export const readKind = `
  SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
    WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
    WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' ELSE 'table of another kind' END AS kind
  FROM pg_class WHERE oid = to_regclass($1)`;

/** Whether ON CONFLICT (event_id) finds its index. */
export const findKey = `
  SELECT count(*) > 0 AS there FROM pg_index JOIN pg_attribute
    ON attrelid = indrelid AND attname = 'event_id' AND indkey[0] = attnum
  WHERE indrelid = to_regclass($1) AND indisunique AND indisvalid AND indnkeyatts = 1 AND indpred IS NULL`;

/** Columns that an insert must name. A trigger before it may fill them all. */
export const findNeeded = `
  SELECT attname AS name FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
  WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
    AND attnotnull AND NOT atthasdef AND attidentity = '' AND typdefault IS NULL
    AND NOT EXISTS (SELECT FROM pg_trigger
      WHERE tgrelid = attrelid AND NOT tgisinternal AND tgtype & 6 = 6)
  ORDER BY attnum`;

/** Which of the rights that an insert needs the user lacks in a table. A right to columns may be enough. */
export const findMissingRights = `
  SELECT wanted AS name FROM unnest(ARRAY['INSERT', 'SELECT']) AS wanted
  WHERE NOT has_any_column_privilege(to_regclass($1), wanted)`;

/** The tables of a schema that have certain columns. */
export const findCandidates = `
  SELECT relname AS name FROM pg_class
  WHERE relkind IN ('r', 'p') AND to_regclass($1 || quote_ident(relname)) = oid
    AND (SELECT count(*) FROM pg_attribute
      WHERE attrelid = pg_class.oid AND attname = ANY ($2) AND NOT attisdropped) = cardinality($2::text[])
  ORDER BY relname`;

/** The statements that make the table what its plan says. */
export function postgresStatements(
  schema: SchemaPrefix,
  plan: TablePlan,
  { create, addCommon, add }: TableChanges,
): string[] {
  const table = `${schema}${quoted(plan.table)}`;
  if (create !== undefined) {
    const columns = [...eventColumns.map(declareEventColumn), ...plan.columns.map(declare)];
    return [`CREATE TABLE ${table} (\n  ${columns.join(',\n  ')}\n)`, ...indexes(table, plan)];
  }
  const common = eventColumns.filter(({ name }) => addCommon.includes(name));
  const missing = common.map(({ name, type }) => `${quoted(name)} ${types[type.kind]}`);
  const columns = [...missing, ...add.map(declare)];
  if (columns.length === 0) return [];
  const added = columns.map((column) => `ADD COLUMN IF NOT EXISTS ${column}`);
  return [`ALTER TABLE ${table}\n  ${added.join(',\n  ')}`];
}

function declareEventColumn({ name, type, isRequired }: (typeof eventColumns)[number]): string {
  const key = name === 'event_id' ? ' PRIMARY KEY' : isRequired ? ' NOT NULL' : '';
  return `${quoted(name)} ${types[type.kind]}${key}`;
}

function declare({ name, declared }: PlannedColumn): string {
  return `${quoted(name)} ${declared}`;
}

/**
 * The index by the time of receipt is a BRIN, as that of the table of all events: it answers
 * reconciliation, and an insert costs almost nothing more.
 */
function indexes(table: string, { event }: TablePlan): string[] {
  return [
    `CREATE INDEX ON ${table} USING brin ("timestamp")`,
    `CREATE INDEX ON ${table} (${event === undefined ? 'event_name, event_time' : 'event_time'})`,
    `CREATE INDEX ON ${table} (user_id, event_time) WHERE user_id IS NOT NULL`,
    `CREATE INDEX ON ${table} (anonymous_id, event_time) WHERE anonymous_id IS NOT NULL`,
  ];
}

/** The query of the view over all columns; undefined if the plan needs none. */
export function postgresView(schema: SchemaPrefix, { table, view }: TablePlan): string | undefined {
  if (view === undefined) return undefined;
  const columns = [
    ...eventColumns.map(({ name }) => quoted(name)),
    ...view.columns.map(viewColumn),
  ];
  return `SELECT ${viewMark(view)} ${columns.join(', ')} FROM ${schema}${quoted(table)}`;
}

/** Numbers stay numbers; other types that differ meet as text. */
function viewColumn({ name, columns }: PlannedViewColumn): string {
  if (columns.length === 1) return quoted(name);
  const isNumeric = columns.every(({ type }) => isNumber(type));
  const values = columns.map(({ name: column, type }) => {
    const value = quoted(column);
    // A cast of a double itself keeps only 15 of its digits.
    if (isNumeric) return `${value}${type.kind === 'double' ? '::text' : ''}::numeric`;
    // The text of a JSON string is the string, without quotes.
    return familyOf(type) === 'json' ? `${value} #>> '{}'` : `${value}::text`;
  });
  return `coalesce(${values.join(', ')}) AS ${quoted(name)}`;
}

/** The columns whose values are parameters: all but the time of the insert. */
export const sentEventColumns = eventColumns.filter(({ name }) => name !== 'delivered_at');

/**
 * One statement for the rows of one table: an array of texts for each column (text-array.ts), which PostgreSQL
 * reads by the type of the column. What the event left in the table of
 * events without a contract, before it had one, is removed in the same statement.
 *
 * In the order of the ids, and the conflict names its column: table.ts says why.
 */
export function insertRows(schema: SchemaPrefix, plan: TablePlan, unplanned: TablePlan): string {
  const columns = [
    ...sentEventColumns.map(({ name, type }) => ({ name, declared: types[type.kind] })),
    ...plan.columns,
  ];
  const names = columns.map(({ name }) => quoted(name)).join(', ');
  const values = columns.map(({ name, declared }) => valueOf(quoted(name), declared)).join(', ');
  const arrays = columns.map((_column, at) => `$${at + 1}::text[]`).join(', ');
  const moved =
    plan.event === undefined
      ? ''
      : `WITH moved AS (
          DELETE FROM ${schema}${quoted(unplanned.table)} WHERE event_id = ANY ($1::text[]::uuid[]))`;
  return `${moved}
    INSERT INTO ${schema}${quoted(plan.table)} (${names}, delivered_at)
    SELECT ${values}, now() FROM unnest(${arrays}) AS sent (${names})
    ORDER BY event_id
    ON CONFLICT (event_id) DO NOTHING`;
}

function valueOf(column: string, declared: string): string {
  return declared === 'text' ? column : `${column}::${declared} AS ${column}`;
}

/** Any name: those of tables that were found are not ours. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
