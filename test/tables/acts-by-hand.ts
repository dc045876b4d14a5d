export type EngineName = 'SQLite' | 'PostgreSQL' | 'ClickHouse';

/** What somebody may do to a table of events. */
export interface Act {
  readonly what: string;
  /** By engine, for the table TABLE_, its view TABLE__all, and TABLE__other, which no event writes to. */
  readonly done: Partial<Record<EngineName, readonly string[]>>;
  /** Why events wait until `undone`. Without it they do not. */
  readonly reason?: RegExp;
  readonly undone?: Partial<Record<EngineName, readonly string[]>>;
  /** Whether the first event is in the table afterwards. */
  readonly isKept?: boolean;
  /** Only a worker that starts looks at it. */
  readonly atStart?: boolean;
}

const memory = 'ENGINE = MergeTree ORDER BY tuple()';
export const acts: readonly Act[] = [
  {
    what: 'dropped headgate_tables',
    done: {
      SQLite: ['DROP TABLE headgate_tables'],
      PostgreSQL: ['DROP TABLE headgate_tables'],
      ClickHouse: ["ALTER TABLE TABLE_ MODIFY COMMENT ''"],
    },
    isKept: true,
  },
  {
    what: 'deleted the row of headgate_tables',
    done: {
      SQLite: ["DELETE FROM headgate_tables WHERE table_name LIKE 'TABLE_%'"],
      PostgreSQL: ["DELETE FROM headgate_tables WHERE table_name LIKE 'TABLE_%'"],
    },
    isKept: true,
  },
  {
    what: 'made another table headgate_tables',
    done: {
      SQLite: ['DROP TABLE headgate_tables', 'CREATE TABLE headgate_tables (id text)'],
      PostgreSQL: ['DROP TABLE headgate_tables', 'CREATE TABLE headgate_tables (id text)'],
    },
    reason: /table .*headgate_tables belongs to another program, or has lost its columns/,
    undone: {
      SQLite: ['DROP TABLE headgate_tables'],
      PostgreSQL: ['DROP TABLE headgate_tables'],
    },
    isKept: true,
    atStart: true,
  },
  {
    what: 'renamed the table',
    done: {
      SQLite: ['ALTER TABLE TABLE_ RENAME TO TABLE__other'],
      PostgreSQL: ['ALTER TABLE TABLE_ RENAME TO TABLE__other'],
      ClickHouse: ['RENAME TABLE TABLE_ TO TABLE__other'],
    },
  },
  {
    what: 'dropped the table',
    done: {
      SQLite: ['DROP TABLE TABLE_'],
      PostgreSQL: ['DROP TABLE TABLE_ CASCADE'],
      ClickHouse: ['DROP TABLE TABLE_'],
    },
  },
  {
    what: 'put a view in the place of the table',
    done: {
      SQLite: ['DROP TABLE TABLE_', 'CREATE VIEW TABLE_ AS SELECT 1 AS one'],
      PostgreSQL: ['DROP TABLE TABLE_ CASCADE', 'CREATE VIEW TABLE_ AS SELECT 1 AS one'],
      ClickHouse: ['DROP TABLE TABLE_', 'CREATE VIEW TABLE_ AS SELECT 1 AS one'],
    },
    reason: /is a view, and Headgate keeps a table of this name. Rename it, and the table is made/,
    undone: {
      SQLite: ['DROP VIEW TABLE_'],
      PostgreSQL: ['DROP VIEW TABLE_'],
      ClickHouse: ['DROP VIEW TABLE_'],
    },
    atStart: true,
  },
  {
    what: 'put a table of another form in the place of the table',
    done: {
      SQLite: ['DROP TABLE TABLE_', 'CREATE TABLE TABLE_ (id text)'],
      PostgreSQL: ['DROP TABLE TABLE_ CASCADE', 'CREATE TABLE TABLE_ (id text)'],
      ClickHouse: ['DROP TABLE TABLE_', `CREATE TABLE TABLE_ (id Int64) ${memory}`],
    },
    reason: /belongs to another program, or has lost its columns. Rename it, and it is made again/,
    undone: {
      SQLite: ['DROP TABLE TABLE_'],
      PostgreSQL: ['DROP TABLE TABLE_'],
      ClickHouse: ['DROP TABLE TABLE_'],
    },
    atStart: true,
  },
  {
    what: 'dropped the view',
    done: {
      SQLite: ['DROP VIEW TABLE__all'],
      PostgreSQL: ['DROP VIEW TABLE__all'],
      ClickHouse: ['DROP VIEW TABLE__all'],
    },
    isKept: true,
    atStart: true,
  },
  {
    what: 'put a table in the place of the view',
    done: {
      SQLite: ['DROP VIEW TABLE__all', 'CREATE TABLE TABLE__all (id text)'],
      PostgreSQL: ['DROP VIEW TABLE__all', 'CREATE TABLE TABLE__all (id text)'],
      ClickHouse: ['DROP VIEW TABLE__all', `CREATE TABLE TABLE__all (id Int64) ${memory}`],
    },
    reason: /is a table, and Headgate keeps a view of this name. Rename it, and the view is made/,
    undone: {
      SQLite: ['DROP TABLE TABLE__all'],
      PostgreSQL: ['DROP TABLE TABLE__all'],
      ClickHouse: ['DROP TABLE TABLE__all'],
    },
    isKept: true,
    atStart: true,
  },
  {
    what: 'put a materialized view in the place of the view',
    done: {
      PostgreSQL: [
        'DROP VIEW TABLE__all',
        'CREATE MATERIALIZED VIEW TABLE__all AS SELECT 1 AS one',
      ],
    },
    reason: /is a materialized view, and Headgate keeps a view of this name/,
    undone: { PostgreSQL: ['DROP MATERIALIZED VIEW TABLE__all'] },
    isKept: true,
    atStart: true,
  },
  {
    what: 'renamed a column',
    done: {
      SQLite: ['ALTER TABLE TABLE_ RENAME COLUMN n TO renamed'],
      PostgreSQL: ['ALTER TABLE TABLE_ RENAME COLUMN n TO renamed'],
      ClickHouse: ['ALTER TABLE TABLE_ RENAME COLUMN n TO renamed'],
    },
    isKept: true,
  },
  {
    what: 'dropped a column of every table',
    done: {
      SQLite: ['DROP VIEW TABLE__all', 'ALTER TABLE TABLE_ DROP COLUMN correlation_id'],
      PostgreSQL: ['ALTER TABLE TABLE_ DROP COLUMN correlation_id CASCADE'],
      ClickHouse: ['ALTER TABLE TABLE_ DROP COLUMN correlation_id'],
    },
    isKept: true,
  },
  {
    what: 'dropped the indexes',
    done: {
      SQLite: ['DROP INDEX headgate_TABLE__time', 'DROP INDEX headgate_TABLE__user'],
      PostgreSQL: ['DROP INDEX TABLE__event_time_idx', 'DROP INDEX "TABLE__timestamp_idx"'],
      ClickHouse: ['ALTER TABLE TABLE_ DROP INDEX headgate_by_event_time'],
    },
    isKept: true,
  },
  {
    what: 'dropped the key',
    done: { PostgreSQL: ['ALTER TABLE TABLE_ DROP CONSTRAINT TABLE__pkey'] },
    reason: /has no unique key on event_id any more.*Run: ALTER TABLE "TABLE_" ADD PRIMARY KEY/,
    undone: { PostgreSQL: ['ALTER TABLE "TABLE_" ADD PRIMARY KEY (event_id)'] },
    isKept: true,
  },
  {
    what: 'added a column that must have a value',
    done: {
      PostgreSQL: [
        "ALTER TABLE TABLE_ ADD COLUMN noted text NOT NULL DEFAULT 'x'",
        'ALTER TABLE TABLE_ ALTER COLUMN noted DROP DEFAULT',
      ],
    },
    reason: /its column noted must have a value, and Headgate has none for it/,
    undone: { PostgreSQL: ['ALTER TABLE TABLE_ ALTER COLUMN noted DROP NOT NULL'] },
    isKept: true,
  },
  {
    what: 'copied the table into one without a key',
    done: {
      SQLite: [
        'DROP VIEW TABLE__all',
        'ALTER TABLE TABLE_ RENAME TO TABLE__other',
        // As the copy of a tool declares it: the same columns, and nothing more.
        `CREATE TABLE TABLE_ AS SELECT * FROM TABLE__other WHERE false`,
        'DROP TABLE TABLE_',
        'KEYLESS',
      ],
    },
    reason:
      /has no unique key on event_id any more.*Run: CREATE UNIQUE INDEX TABLE__key ON "TABLE_"/,
    undone: { SQLite: ['CREATE UNIQUE INDEX TABLE__key ON "TABLE_" (event_id)'] },
  },
];
