import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';

import { privateFile, type Segment } from './segment-folder.ts';
import type { SpoolPosition } from './spool.ts';

/**
 * Stores the position before which everything is settled. It is written from time to time: after a
 * crash, events settled since the last write are sent again, and the gate recognizes them by their
 * keys. So it needs no sync either.
 */
export interface CursorFile {
  read(): Promise<SpoolCursor | undefined>;
  write(cursor: SpoolCursor): Promise<void>;
}

/** The settled position, and which segment files should be there. */
export interface SpoolCursor extends SpoolPosition {
  /** The first ordinal of the oldest segment. Undefined in files of earlier versions. */
  readonly first?: number | undefined;
  /** At least so many events were ever stored. Undefined in files of earlier versions. */
  readonly next?: number | undefined;
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
      return isCursor(value) ? value : undefined;
    },
    write: async (cursor) => {
      const fresh = `${file}.new`;
      const handle = await open(fresh, 'w', privateFile);
      try {
        await handle.writeFile(JSON.stringify(cursor));
      } finally {
        await handle.close();
      }
      await rename(fresh, file);
    },
  };
}

function isCursor(value: unknown): value is SpoolCursor {
  if (typeof value !== 'object' || value === null) return false;
  const { ordinal, segment, offset, first, next } = value as Record<keyof SpoolCursor, unknown>;
  const isCount = (each: unknown): boolean => Number.isSafeInteger(each) && Number(each) >= 0;
  return (
    [ordinal, segment, offset].every(isCount) &&
    [first, next].every((each) => each === undefined || isCount(each))
  );
}

/** The cursor's position if it exists in the segments, otherwise the oldest event. */
export function startPosition(
  segments: readonly Segment[],
  cursor: SpoolPosition | undefined,
  next: number,
): SpoolPosition {
  const first = segments[0];
  const end = { ordinal: next, segment: next, offset: 0 };
  if (first === undefined) return end;
  const start = { ordinal: first.base, segment: first.base, offset: 0 };
  if (cursor === undefined || cursor.ordinal < first.base) return start;
  if (cursor.ordinal >= next) return end;
  const segment = segments.find(({ base }) => base === cursor.segment);
  if (segment !== undefined && cursor.offset <= segment.bytes) return cursor;
  // The cursor's segment was settled and deleted: the next one begins where it ended.
  const later = segments.find(({ base }) => base >= cursor.ordinal);
  return later === undefined ? start : { ordinal: later.base, segment: later.base, offset: 0 };
}
