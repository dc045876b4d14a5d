import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { StartError } from '../../errors.ts';

export interface StoreLock {
  release(): void;
}

/** Keeps the databases from being collected: their locks would be released with them. */
const held = new Set<DatabaseSync>();

/** Events are in it: not for every user of the machine. `headgate doctor` asks for the same. */
const folderMode = 0o750;

/**
 * Makes this process the only owner of a data directory.
 *
 * The lock is the operating system's, held through an empty SQLite file (Node has no flock): it goes
 * with the process however that ends, so there is no stale lock to clean up and no reused process
 * id to mistake for an owner. The file beside it only names the owner.
 *
 * Throws a StartError when another process holds it or the directory cannot be written.
 */
export function lockStore(dataDir: string): StoreLock {
  const lockFile = path.join(dataDir, 'headgate.lock');
  const ownerFile = path.join(dataDir, 'headgate.pid');
  let database: DatabaseSync;
  try {
    mkdirSync(dataDir, { recursive: true, mode: folderMode });
    database = new DatabaseSync(lockFile, { timeout: 0 });
  } catch (cause) {
    throw new StartError(
      `The data directory ${dataDir} cannot be written (${(cause as Error).message}). ` +
        'Fix its permissions, or name another in HEADGATE_DATA_DIR.',
      { cause },
    );
  }
  try {
    database.exec(
      'PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;',
    );
  } catch (cause) {
    database.close();
    throw new StartError(
      `The data directory ${dataDir} is held by another Headgate${ownerText(ownerFile)}. ` +
        'Stop that one first, or name another directory in HEADGATE_DATA_DIR.',
      { cause },
    );
  }
  held.add(database);
  writeFileSync(ownerFile, String(process.pid));
  return {
    release: () => {
      held.delete(database);
      if (database.isOpen) database.close();
    },
  };
}

function ownerText(ownerFile: string): string {
  try {
    return ` (process ${Number.parseInt(readFileSync(ownerFile, 'utf8'), 10)})`;
  } catch {
    return '';
  }
}
