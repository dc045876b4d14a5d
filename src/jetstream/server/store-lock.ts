import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { isBusy, StartError } from '../../errors.ts';

export interface StoreLock {
  /** Other users could enter the directory, and no longer can. */
  readonly wasOpen: boolean;
  release(): void;
}

/** Keeps the databases from garbage collection, which would release their locks. */
const held = new Set<DatabaseSync>();

/** The folder holds events, so other users must not read it. `headgate doctor` checks the same. */
export const privateFolder = 0o700;
export const privateFile = 0o600;

/**
 * Two that start at the same moment hold the lock of a reader both, for microseconds, and each keeps the other from
 * that of the owner. So SQLite tries again for so long: the owner keeps it for longer.
 */
const atOnceMs = 100;

/**
 * Makes this process the only owner of a data directory.
 *
 * The lock belongs to the operating system and is held through an empty SQLite file, because Node
 * has no flock. It ends with the process, however that exits, so a lock is never stale and a reused
 * process id is never mistaken for the owner. A second file only names the owner.
 *
 * Throws a StartError when another process holds the lock or the directory is not writable.
 */
export function lockStore(dataDir: string): StoreLock {
  const lockFile = path.join(dataDir, 'headgate.lock');
  const ownerFile = path.join(dataDir, 'headgate.pid');
  let database: DatabaseSync;
  try {
    mkdirSync(dataDir, { recursive: true, mode: privateFolder });
    database = new DatabaseSync(lockFile, { timeout: atOnceMs });
  } catch (cause) {
    throw notWritten(dataDir, cause);
  }
  try {
    database.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE;');
  } catch (cause) {
    database.close();
    // A full disk, too, lets a transaction fail.
    if (!isBusy(cause)) throw notWritten(dataDir, cause);
    throw new StartError(
      `The data directory ${dataDir} is held by another Headgate${ownerText(ownerFile)}. ` +
        'Stop that process first, or name another directory in HEADGATE_DATA_DIR.',
      { cause },
    );
  }
  let wasOpen: boolean;
  try {
    writeFileSync(ownerFile, String(process.pid), { mode: privateFile });
    wasOpen = closeToOthers(dataDir);
  } catch (cause) {
    database.close();
    throw notWritten(dataDir, cause);
  }
  held.add(database);
  return {
    wasOpen,
    release: () => {
      held.delete(database);
      if (database.isOpen) database.close();
    },
  };
}

function notWritten(dataDir: string, cause: unknown): StartError {
  return new StartError(
    `The data directory ${dataDir} cannot be written (${(cause as Error).message}). ` +
      'Free space on its disk, fix its permissions, or name another directory in HEADGATE_DATA_DIR.',
    { cause },
  );
}

const modeOfOthers = 0o007;

/** Returns whether it changed the mode. Only the owner of a directory may: `headgate doctor` warns. */
function closeToOthers(dataDir: string): boolean {
  const { mode, uid } = statSync(dataDir);
  if ((mode & modeOfOthers) === 0 || uid !== process.getuid?.()) return false;
  chmodSync(dataDir, mode & 0o7777 & ~modeOfOthers);
  return true;
}

/**
 * Of a data directory that this user owns: itself and what lies directly in it, where its group or others
 * may read or write. An earlier version or an operator made it so, and it stays.
 */
export function findOpenFiles(dataDir: string): string[] {
  const folder = statSync(dataDir, { throwIfNoEntry: false });
  if (folder === undefined || folder.uid !== process.getuid?.()) return [];
  const files = [dataDir, ...readdirSync(dataDir).map((name) => path.join(dataDir, name))];
  return files.filter((file) => {
    try {
      const { mode, uid } = statSync(file);
      return (mode & 0o077) !== 0 && uid === folder.uid;
    } catch {
      // It has gone, or is a link that leads nowhere. This is only for a warning.
      return false;
    }
  });
}

function ownerText(ownerFile: string): string {
  try {
    return ` (process ${Number.parseInt(readFileSync(ownerFile, 'utf8'), 10)})`;
  } catch {
    return '';
  }
}
