import { mkdirSync, readdirSync, statfsSync, statSync } from 'node:fs';
import path from 'node:path';

import { StartError } from '../../errors.ts';

/** The part of the disk that the streams may take: a full disk freezes a stream until a restart. */
const diskShare = 0.8;

/** Below this the streams are too small to be of use. */
const storageBytesMin = 64 * 1024 * 1024;

/**
 * What the streams may take all together, in bytes: what was configured, or less on a smaller disk.
 * Space that the store holds already counts as free for it.
 */
export function storageBudget(storeDir: string, configuredBytesMax: number): number {
  mkdirSync(storeDir, { recursive: true });
  const disk = statfsSync(storeDir);
  const available = disk.bavail * disk.bsize + folderBytes(storeDir);
  const budget = Math.floor(Math.min(configuredBytesMax, available * diskShare));
  if (budget < storageBytesMin) {
    throw new StartError(
      `There are only ${Math.floor(available / 1024 / 1024)} MiB free for ${storeDir}; the log needs ` +
        `at least ${Math.ceil(storageBytesMin / diskShare / 1024 / 1024)} MiB. Free some, or name another ` +
        'directory in HEADGATE_DATA_DIR.',
    );
  }
  return budget;
}

/** What the files below a folder take. */
export function folderBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    bytes +=
      statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}
