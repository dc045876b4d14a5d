import type { DatabaseSync } from 'node:sqlite';

/**
 * Runs work in a transaction that may write, and rolls it back if the work throws. IMMEDIATE: another
 * process may be doing the same, so look at what there is within it.
 */
export function inTransaction<Value>(database: DatabaseSync, work: () => Value): Value {
  database.exec('BEGIN IMMEDIATE');
  try {
    const value = work();
    database.exec('COMMIT');
    return value;
  } catch (error) {
    // A full disk may have ended it already.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
