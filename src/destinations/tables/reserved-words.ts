/**
 * Words that cannot name a column or a table without quotes in PostgreSQL, SQLite, ClickHouse or DuckDB,
 * and columns that an engine has itself. One list, so that a column has one name everywhere.
 */
export const reservedWords: ReadonlySet<string> = new Set([
  'foreign',
  ...`_rowid_ add all alter analyse analyze and anti any array as asc asof asymmetric authorization
  autoincrement between binary both case cast check cmax cmin collate collation column commit
  concurrently constraint create cross ctid current_catalog current_date current_role current_schema
  current_time current_timestamp current_user default deferrable delete desc describe distinct do
  drop else end escape except exists false fetch final for freeze from full glob global
  grant group having if ilike in index initially inner insert intersect interval into is isnull join
  lambda lateral leading left like limit localtime localtimestamp natural not nothing notnull null
  offset oid on only or order outer overlaps pivot placing prewhere primary qualify raise references
  returning right rowid select semi session_user set show similar some summarize symmetric
  system_user table tableoid tablesample then to trailing transaction true union unique unpivot
  update user using values variadic verbose when where window with xmax xmin`.split(/\s+/),
]);
