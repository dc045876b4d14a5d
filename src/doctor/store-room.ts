import { statfsSync } from 'node:fs';
import path from 'node:path';

import type { Config } from '../config/config.ts';
import { readServerRecord } from '../jetstream/server/orphaned-server.ts';
import { folderBytes } from '../jetstream/server/storage-budget.ts';
import { nearestFolder } from './check-host.ts';

/** The bytes of the log of the embedded server. */
export function storedBytes({ dataDir }: Config): number {
  try {
    return folderBytes(path.join(dataDir, 'nats'));
  } catch {
    // Absent or not readable. Another check reports that.
    return 0;
  }
}

/** The memory that the embedded server may use. Undefined if its start did not record it. */
export function serverMemoryBytes({ dataDir }: Config): number | undefined {
  return readServerRecord(path.join(dataDir, 'nats')).memoryBytes;
}

/** The free bytes of the disk that it is on. */
export function freeBytes({ dataDir }: Config): number {
  const disk = statfsSync(nearestFolder(dataDir));
  return disk.bavail * disk.bsize;
}
