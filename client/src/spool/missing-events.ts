import type { SpoolCursor } from './cursor-file.ts';
import type { Segment } from './segment-folder.ts';

/** Events that were stored and have no segment file any more. Ordinals; `end` is not included. */
export interface MissingEvents {
  readonly from: number;
  readonly end: number;
}

/**
 * The events that are missing before the position at which reading starts, and behind the last
 * segment. Files are named after their first ordinal, and the cursor has where they should begin
 * and end. A file that is missing between two others shows when the one before it is read: it ends
 * too early. Settled events are not missing: their files are deleted on purpose.
 */
export function findMissing(
  segments: readonly Segment[],
  cursor: SpoolCursor | undefined,
  startsAt: number,
): MissingEvents[] {
  if (cursor === undefined) return [];
  const last = segments.at(-1);
  const { ordinal: settled, first = startsAt, next = 0 } = cursor;
  const ranges = [
    { from: Math.max(settled, first), end: startsAt },
    { from: Math.max(settled, last === undefined ? 0 : last.base + last.count), end: next },
  ];
  // Without segments, both ranges can begin at the same ordinal.
  if (last === undefined) ranges.shift();
  return ranges.filter(({ from, end }) => end > from);
}
