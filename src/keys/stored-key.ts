import type { WriteKey } from '../config/config.ts';
import {
  completeLimits,
  eventGlobPattern,
  faultOfLimits,
  keyHashPattern,
  keyIdOf,
  sourceGlobPattern,
  sourcePattern,
  type SourceLimits,
} from '../config/write-key.ts';
import { isJsonObject, type JsonObject } from '../event/json/json.ts';

/** A write key that is kept in the log: its hash, and what is known of it. Times are Unix times in ms. */
export interface StoredKey extends WriteKey {
  readonly id: string;
  readonly createdAtMs: number;
  /** The operator who created it. */
  readonly createdBy: string;
  /** How long it was to be valid, without the end that a rotation set. */
  readonly lifetimeMs: number | undefined;
  /** The key that it replaces, by id. */
  readonly replaces: string | undefined;
  readonly revokedAtMs: number | undefined;
  readonly revokedBy: string | undefined;
  /** Of its source, as this key states them. */
  readonly limits: SourceLimits | undefined;
  /** It stands in a configuration, and its entry only refuses it there. */
  readonly isOfFile?: boolean;
}

/** How many keys the log keeps, ended ones included. */
export const keysMax = 10_000;
/** Globs of a key. */
export const globsMax = 50;
/** As long as the longest event name. */
export const globCharactersMax = 128;

/** The entries of keys in the bucket; an entry of another kind says when a key was last used. */
export const keyEntry = (id: string): string => `key.${id}`;
export const usedEntry = (id: string): string => `used.${id}`;

/** When a key ended or will end: the earlier of expiry and revocation. Infinity: it does not. */
export function endOf({
  expiresAtMs = Infinity,
  revokedAtMs = Infinity,
}: Pick<Partial<StoredKey>, 'expiresAtMs' | 'revokedAtMs'>): number {
  return Math.min(expiresAtMs, revokedAtMs);
}

/** The value of an entry. It never holds the key. */
export function encodeStoredKey(key: StoredKey): string {
  const { hash, source, events, createdBy, lifetimeMs, replaces, revokedBy, limits } = key;
  const { relaySources = [] } = key;
  return JSON.stringify({
    hash,
    source,
    ...(events.length > 0 && { events }),
    ...(relaySources.length > 0 && { relay_sources: relaySources }),
    created_at: timeText(key.createdAtMs),
    created_by: createdBy,
    expires_at: timeText(key.expiresAtMs),
    lifetime_ms: lifetimeMs,
    replaces,
    revoked_at: timeText(key.revokedAtMs),
    revoked_by: revokedBy,
    of_file: key.isOfFile,
    limits: limits && {
      events_per_second: limits.eventsPerSecond,
      burst: limits.burst,
      bytes_per_day: limits.bytesPerDay,
    },
  });
}

const timeText = (timeMs: number | undefined): string | undefined =>
  timeMs === undefined ? undefined : new Date(timeMs).toISOString();

/** Reads the value of the entry of `id`. Undefined if Headgate has not written it like this. */
export function decodeStoredKey(id: string, text: string): StoredKey | undefined {
  const value = parsed(text);
  if (value === undefined) return undefined;
  const { hash, source, events = [], limits, lifetime_ms: lifetimeMs } = value;
  const { relay_sources: relaySources = [] } = value;
  const textOf = (name: string): string | undefined =>
    typeof value[name] === 'string' ? value[name] : undefined;
  const timeOf = (name: string): number | undefined =>
    value[name] === undefined ? undefined : Date.parse(textOf(name) ?? '');
  const createdAtMs = timeOf('created_at') ?? 0;
  const times = { expiresAtMs: timeOf('expires_at'), revokedAtMs: timeOf('revoked_at') };
  const statedLimits = readLimits(limits);
  const isValid =
    statedLimits !== 'faulty' &&
    typeof hash === 'string' &&
    keyHashPattern.test(hash) &&
    keyIdOf(hash) === id &&
    typeof source === 'string' &&
    sourcePattern.test(source) &&
    areGlobs(events, eventGlobPattern) &&
    areGlobs(relaySources, sourceGlobPattern) &&
    ![createdAtMs, times.expiresAtMs, times.revokedAtMs].some(Number.isNaN);
  if (!isValid) return undefined;
  return {
    id,
    hash,
    source,
    events,
    ...(relaySources.length > 0 && { relaySources }),
    createdAtMs,
    createdBy: textOf('created_by') ?? '',
    ...times,
    lifetimeMs: typeof lifetimeMs === 'number' ? lifetimeMs : undefined,
    replaces: textOf('replaces'),
    revokedBy: textOf('revoked_by'),
    ...(value['of_file'] === true && { isOfFile: true }),
    limits: statedLimits,
  };
}

function areGlobs(value: unknown, pattern: RegExp): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string' && pattern.test(one));
}

/** A key whose limits cannot be read is not in force: without them it could send as much as it likes. */
function readLimits(value: unknown): SourceLimits | undefined | 'faulty' {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) return 'faulty';
  const { events_per_second: eventsPerSecond, burst, bytes_per_day: bytesPerDay } = value;
  const limits = { eventsPerSecond, burst, bytesPerDay };
  const areNumbers = Object.values(limits).every((each) =>
    ['number', 'undefined'].includes(typeof each),
  );
  const read = limits as Partial<SourceLimits>;
  return areNumbers && faultOfLimits(read) === undefined ? completeLimits(read) : 'faulty';
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
