import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { isBusy } from '../../errors.ts';
import { makeSyncedFolder, syncFolder } from './synced-folder.ts';

/**
 * Opens a database in a file that its owner alone can read, and creates the file and its folder. What is committed
 * survives a power cut. Other processes may open the same file at the same time.
 *
 * @param busyTimeoutMs how long to wait for another process, here and in every later statement.
 * @param prepare makes what is missing in it. If that throws, the database is closed.
 */
export function openWalDatabase(
  file: string,
  busyTimeoutMs: number,
  prepare: (database: DatabaseSync) => void,
): DatabaseSync {
  const folder = path.dirname(file);
  makeSyncedFolder(folder, 0o700);
  // SQLite would let everyone read it. Its WAL gets the same mode.
  closeSync(openSync(file, 'a', 0o600));
  const database = new DatabaseSync(file, { timeout: busyTimeoutMs });
  try {
    waitWhileBusy(busyTimeoutMs, () => database.exec('PRAGMA journal_mode = WAL'));
    // FULL syncs the WAL on every commit. NORMAL leaves that to the kernel: a power cut could take
    // events whose acknowledgement the log had already on disk, and those would never come again. At
    // 500 events a commit both write the same number of rows a second here.
    database.exec('PRAGMA synchronous = FULL');
    prepare(database);
    syncFolder(folder);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

const pauseMs = 5;

/**
 * Two that change a new file to WAL both read it and both want to write: SQLite answers one of them
 * "database is locked" at once, whatever its timeout, since waiting would never end.
 */
function waitWhileBusy(timeoutMs: number, work: () => void): void {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
    }
  }
}
