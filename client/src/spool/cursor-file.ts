import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';

import { privateFile } from './segment-folder.ts';
import type { SpoolPosition } from './spool.ts';

/**
 * Stores the position before which everything is settled. It is written from time to time: after a
 * crash, events settled since the last write are sent again, and the gate recognizes them by their
 * keys. So it needs no sync either.
 */
export interface CursorFile {
  read(): Promise<SpoolPosition | undefined>;
  write(position: SpoolPosition): Promise<void>;
}

export function createCursorFile(directory: string): CursorFile {
  const file = path.join(directory, 'cursor.json');
  return {
    read: async () => {
      let value: unknown;
      try {
        value = JSON.parse(await readFile(file, 'utf8'));
      } catch {
        // Missing or incomplete: every event in the spool is sent again.
        return undefined;
      }
      return isPosition(value) ? value : undefined;
    },
    write: async (position) => {
      const fresh = `${file}.new`;
      const handle = await open(fresh, 'w', privateFile);
      try {
        await handle.writeFile(JSON.stringify(position));
      } finally {
        await handle.close();
      }
      await rename(fresh, file);
    },
  };
}

function isPosition(value: unknown): value is SpoolPosition {
  if (typeof value !== 'object' || value === null) return false;
  const { ordinal, segment, offset } = value as Record<keyof SpoolPosition, unknown>;
  return [ordinal, segment, offset].every(
    (each) => Number.isSafeInteger(each) && Number(each) >= 0,
  );
}
