import { existsSync } from 'node:fs';
import { constants, DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';

import { StartError } from '../../errors.ts';
import { isReadingStatement } from './reading-statement.ts';

/** A value of SQLite. Integers are bigints, because a double is not exact beyond 2^53. */
export type Value = SQLOutputValue;

export interface QueryRows {
  readonly columns: readonly string[];
  /** Read one by one, so that a result may be larger than the memory. */
  readonly rows: Iterable<readonly Value[]>;
}

export interface WarehouseReader extends Disposable {
  /** Throws a StartError with one sentence. */
  query(sql: string): QueryRows;
}

/** In WAL mode a writer never blocks a reader, but a checkpoint that resets the WAL can, briefly. */
const busyTimeoutMs = 5_000;

/** Opens the warehouse read-only. Statements cannot write other files either. */
export function openWarehouseReader(path: string): WarehouseReader {
  if (!existsSync(path)) {
    throw new StartError(
      `There is no warehouse at ${path}. It is made when the gate delivers its first event; ` +
        '--db or HEADGATE_DATA_DIR names another place.',
    );
  }
  const database = guarded(path, () => {
    const opened = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs });
    // VACUUM INTO and ATTACH would write other files, which a read-only connection does not
    // prevent.
    if (canAuthorize) {
      opened.setAuthorizer((action) =>
        readingActions.has(action) ? constants.SQLITE_OK : constants.SQLITE_DENY,
      );
    }
    return opened;
  });
  return {
    query: (sql) => {
      if (!canAuthorize && !isReadingStatement(sql)) {
        const text =
          'Node 22 cannot ask SQLite what this statement does, and it does not begin as one that reads';
        throw new StartError(`The warehouse is open for reading only: ${text}.`);
      }
      const statement = guarded(path, () => database.prepare(sql));
      refuseSecond(sql, statement);
      statement.setReadBigInts(true);
      statement.setReturnArrays(true);
      const columns = statement.columns().map(({ name }) => name);
      return { columns, rows: rowsOf(path, statement) };
    },
    [Symbol.dispose]: () => database.close(),
  };
}

/** Not so in Node 22. */
const canAuthorize = typeof DatabaseSync.prototype.setAuthorizer === 'function';

const readingActions = new Set<number>([
  constants.SQLITE_SELECT,
  constants.SQLITE_READ,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_RECURSIVE,
  constants.SQLITE_PRAGMA,
]);

function* rowsOf(path: string, statement: StatementSync): Generator<readonly Value[]> {
  const rows = guarded(path, () => statement.iterate()) as unknown as Iterator<Value[]>;
  for (;;) {
    const next = guarded(path, () => rows.next());
    if (next.done) return;
    yield next.value;
  }
}

/** SQLite compiles only the first statement, and node:sqlite silently ignores the others. */
function refuseSecond(sql: string, statement: StatementSync): void {
  const rest = sql.slice(statement.sourceSQL.length);
  if (/^(?:[\s;]|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*$/.test(rest)) return;
  throw new StartError('That is more than one statement. Ask one at a time.');
}

/** Result codes: https://www.sqlite.org/rescode.html */
const sqliteReadonly = 8;
const sqliteAuth = 23;
const sqliteNotDatabase = 26;

function guarded<Answer>(path: string, work: () => Answer): Answer {
  try {
    return work();
  } catch (cause) {
    throw new StartError(sentenceOf(cause as Error, path), { cause });
  }
}

function sentenceOf(error: Error, path: string): string {
  const code = 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
  if (code === sqliteReadonly || code === sqliteAuth) {
    const refusal = `SQLite refused the statement: ${error.message}`;
    return `The warehouse is open for reading only, and ${refusal}.`;
  }
  if (code === sqliteNotDatabase) return `${path} is not a SQLite database.`;
  return `SQLite: ${error.message}.`;
}
