import { InvalidArgumentError } from 'commander';

import {
  eventGlobPattern,
  keyIdPattern,
  sourceGlobPattern,
  sourcePattern,
} from '../../config/write-key.ts';
import { parseBytes, parseDuration } from '../../config/units.ts';
import { StartError } from '../../errors.ts';

export function readSource(text: string): string {
  if (sourcePattern.test(text)) return text;
  throw new InvalidArgumentError(
    'Begin with a letter or digit, then at most 63 of a-z, 0-9, _ and -.',
  );
}

export const readGlobs = (text: string): string[] =>
  globsOf(text, eventGlobPattern, 'Write names, with * for any text, and with commas between.');

export const readSourceGlobs = (text: string): string[] =>
  globsOf(text, sourceGlobPattern, 'Write sources with a-z, 0-9, _, - and *, with commas between.');

function globsOf(text: string, pattern: RegExp, advice: string): string[] {
  const globs = text.split(',').map((glob) => glob.trim());
  if (globs.every((glob) => pattern.test(glob))) return globs;
  throw new InvalidArgumentError(advice);
}

/**
 * The id of a key. Throws a StartError: an InvalidArgumentError would show the text, which may be the
 * key itself.
 */
export function readKeyId(text: string): string {
  if (keyIdPattern.test(text)) return text;
  throw new StartError(
    'This is not the id of a write key, which has 12 hex digits: headgate keys list.',
  );
}

/** A limit. The gate checks its bounds. */
export function readCount(text: string): number {
  if (/^[1-9]\d{0,7}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number from 1 to 99999999.');
}

/** Reads `20GiB` to bytes. */
export function readSize(text: string): number {
  const bytes = parseBytes(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new InvalidArgumentError('Give a size: 512MiB, 20GiB.');
}

/** Reads `24h`, or `0`, to ms. */
export function readOverlap(text: string): number {
  const overlapMs = text === '0' ? 0 : parseDuration(text);
  if (overlapMs !== undefined) return overlapMs;
  throw new InvalidArgumentError('Give a duration (12h, 7d), or 0.');
}

/** Reads how long from now on (`90d`), or a date or an RFC 3339 time, to ms from now. */
export function readExpiry(text: string): number {
  const durationMs = parseDuration(text) ?? Date.parse(text) - Date.now();
  if (durationMs > 0) return durationMs;
  throw new InvalidArgumentError(
    'Give a duration (90d), or a date or an RFC 3339 time in the future.',
  );
}
