import { mkdirSync, readdirSync, statfsSync, statSync } from 'node:fs';
import path from 'node:path';

import { StartError } from '../../errors.ts';
import { privateFolder } from './store-lock.ts';

/** The part of the disk that the streams may use. A full disk freezes a stream until a restart. */
const diskShare = 0.8;

/** Smaller streams would be useless. */
const storageBytesMin = 64 * 1024 * 1024;

/**
 * The bytes that all streams together may use: the configured limit, or less on a smaller disk.
 * Space that the store already uses counts as available. Throws a StartError if the disk is too
 * full.
 */
export function storageBudget(storeDir: string, configuredBytesMax: number): number {
  if (configuredBytesMax < storageBytesMin) {
    throw new StartError(
      `log.storage_bytes_max is ${configuredBytesMax} bytes; the log needs at least ` +
        `${storageBytesMin / 1024 / 1024} MiB. Raise it.`,
    );
  }
  mkdirSync(storeDir, { recursive: true, mode: privateFolder });
  const disk = statfsSync(storeDir);
  const available = disk.bavail * disk.bsize + folderBytes(storeDir);
  const budget = Math.floor(Math.min(configuredBytesMax, available * diskShare));
  if (budget < storageBytesMin) {
    throw new StartError(
      `Only ${Math.floor(available / 1024 / 1024)} MiB are free for ${storeDir}; the log needs ` +
        `at least ${Math.ceil(storageBytesMin / diskShare / 1024 / 1024)} MiB. ` +
        'Free some space, or name another directory in HEADGATE_DATA_DIR.',
    );
  }
  return budget;
}

/** The size of all files below a folder. */
export function folderBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    bytes +=
      statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}
