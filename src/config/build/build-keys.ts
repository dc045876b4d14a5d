import type { WriteKey } from '../config.ts';
import type { Secret } from '../secret.ts';
import { type RawKey, keySettings } from '../gather/gather-keys.ts';
import { buildSourceLimits, type StatedLimits } from './build-source-limits.ts';
import { readTable } from './table-values.ts';
import {
  eventGlobPattern,
  keyHashPattern,
  sourceGlobPattern,
  sourceForm,
  sourcePattern,
} from '../write-key.ts';

/**
 * Reads the write keys. A source may have several, so that keys can rotate without downtime. Adds the
 * limits that they state to `stated`.
 */
export function buildKeys(
  raws: readonly RawKey[],
  faults: string[],
  stated: StatedLimits[],
): WriteKey[] {
  const fromByHash = new Map<string, string>();
  const keys: WriteKey[] = [];
  for (const raw of raws) {
    const table = readTable(keySettings, raw.values, (path) => `${raw.from}.${path}`, faults);
    const { values, from } = table;
    const source = values.get('source') as string | undefined;
    const hash = (values.get('hash') as Secret | undefined)?.reveal();
    const events = (values.get('events') ?? []) as readonly string[];
    if (source !== undefined && !sourcePattern.test(source)) {
      faults.push(`${from('source')}: is not a source: ${sourceForm}`);
    }
    validateGlobs(events, from('events'), faults);
    const relaySources = (values.get('relay_sources') ?? []) as readonly string[];
    validateSources(relaySources, from('relay_sources'), faults);
    if (hash !== undefined) validateHash(hash, from('hash'), fromByHash, faults);
    const limits = buildSourceLimits(table, faults);
    const expires = values.get('expires') as string | undefined;
    const expiresAtMs =
      expires === undefined ? undefined : readTime(expires, from('expires'), faults);
    if (source === undefined || hash === undefined) continue;
    if (limits !== undefined) stated.push({ source, limits, from: raw.from });
    keys.push({
      source,
      hash,
      events,
      ...(relaySources.length > 0 && { relaySources }),
      ...(expiresAtMs !== undefined && { expiresAtMs }),
    });
  }
  return keys;
}

const timePattern =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2}))?$/;

/** Reads a date or an RFC 3339 time to a Unix time in ms. */
function readTime(text: string, from: string, faults: string[]): number | undefined {
  const [, date = ''] = timePattern.exec(text) ?? [];
  const dayMs = Date.parse(date);
  // 31 June would be read as 1 July.
  const isDay = !Number.isNaN(dayMs) && new Date(dayMs).toISOString().startsWith(date);
  const timeMs = isDay ? Date.parse(text.replace(' ', 'T').toUpperCase()) : Number.NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  faults.push(
    `${from}: is neither a date nor an RFC 3339 time: write 2027-06-30 or 2027-06-30T18:00:00Z`,
  );
  return undefined;
}

/** Reports globs that cannot match any event name. */
export function validateGlobs(globs: readonly string[], from: string, faults: string[]): void {
  for (const [index, glob] of globs.entries()) {
    if (!eventGlobPattern.test(glob)) {
      faults.push(
        `${from}: item ${index + 1} is not a glob on event names: write a name of at most 256 characters, with * for any text`,
      );
    }
  }
}

/** Reports globs that cannot match any source. */
export function validateSources(globs: readonly string[], from: string, faults: string[]): void {
  for (const [index, glob] of globs.entries()) {
    if (!sourceGlobPattern.test(glob)) {
      faults.push(
        `${from}: item ${index + 1} is not a glob on sources: write a-z, 0-9, _, - and *`,
      );
    }
  }
}

/** Never shows the hash: it may be the key itself, entered by mistake. */
function validateHash(
  hash: string,
  from: string,
  fromByHash: Map<string, string>,
  faults: string[],
): void {
  const first = fromByHash.get(hash);
  if (!keyHashPattern.test(hash)) {
    faults.push(
      `${from}: is not a hash: write sha256: and 64 hex digits in lower case, as ` +
        '`headgate keys new` prints them',
    );
  } else if (first !== undefined) {
    faults.push(`${from}: is the same as ${first}: remove one of the two`);
  } else {
    fromByHash.set(hash, from);
  }
}
