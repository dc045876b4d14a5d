import { isSameLimits, limitsBySource, type SourceLimits } from '../../../config/write-key.ts';

/** What states limits of a source: a write key, or a source of webhooks. */
export interface LimitedEntry {
  readonly source: string;
  readonly limits?: SourceLimits | undefined;
  /** Unix time in ms from which on its limits do not count. Undefined: it has no end. */
  readonly endsAtMs?: number | undefined;
}

/** The limits of each source, over its entries that are in force. */
export interface LimitsInForce {
  readonly bySource: ReadonlyMap<string, SourceLimits>;
  /** Unix time in ms at which one of the entries ends, and they must be computed anew. */
  readonly untilMs: number;
}

/** Limits that stay the same stay one object, so that allowances see that nothing has changed. */
export function limitsInForce(
  entries: Iterable<LimitedEntry>,
  before: ReadonlyMap<string, SourceLimits>,
): LimitsInForce {
  const nowMs = Date.now();
  const counted: LimitedEntry[] = [];
  let untilMs = Infinity;
  for (const entry of entries) {
    const { limits, endsAtMs = Infinity } = entry;
    if (limits === undefined || endsAtMs <= nowMs) continue;
    counted.push(entry);
    untilMs = Math.min(untilMs, endsAtMs);
  }
  const bySource = new Map<string, SourceLimits>();
  for (const [source, limits] of limitsBySource(counted)) {
    const known = before.get(source);
    const isSame = known !== undefined && isSameLimits(known, limits);
    bySource.set(source, isSame ? known : limits);
  }
  return { bySource, untilMs };
}
