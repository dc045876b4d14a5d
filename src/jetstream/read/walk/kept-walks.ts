import type { EventRanges } from '../../events/event-ranges.ts';
import type { Log } from '../../log.ts';
import type { StoredMessage } from '../read.ts';

/** The messages of a walk from a place on. */
export interface WalkMessages {
  /** The page before has read it, and not used it. */
  readonly first?: StoredMessage;
  readonly others: AsyncGenerator<StoredMessage>;
}

/** What a page has not used of its walk is kept for so long; the caller may have all it wants. */
const keptMs = 5_000;
/** Of each partition, one holds a page or two of messages, of 2 MiB at most. */
const keptMax = 2;

/**
 * Keeps the readers of EVENTS between two pages of a walk, so that the next page goes on where the last one ended, instead of making
 * a reader and reading some messages again. A page whose reader is gone makes another one: nothing depends on it but speed.
 * Messages of other streams may change between two pages.
 */
interface KeptWalks {
  take(key: string): WalkMessages | undefined;
  keep(key: string, messages: WalkMessages): void;
}

function createKeptWalks(): KeptWalks {
  const kept = new Map<string, { messages: WalkMessages; timer: NodeJS.Timeout }>();
  const take = (key: string): WalkMessages | undefined => {
    const found = kept.get(key);
    clearTimeout(found?.timer);
    kept.delete(key);
    return found?.messages;
  };
  const discard = (key: string): void => {
    const found = take(key);
    if (found !== undefined) closeWalk(found);
  };
  return {
    take,
    keep: (key, messages) => {
      discard(key);
      const [oldest] = kept.keys();
      if (kept.size >= keptMax && oldest !== undefined) discard(oldest);
      const timer = setTimeout(() => discard(key), keptMs);
      timer.unref();
      kept.set(key, { messages, timer });
    },
  };
}

const keptByLog = new WeakMap<Log, KeptWalks>();

export function keptWalksOf(log: Log): KeptWalks {
  const known = keptByLog.get(log);
  if (known !== undefined) return known;
  const created = createKeptWalks();
  keptByLog.set(log, created);
  return created;
}

/** Two pages have the same key if one goes on where the other ended. */
export function keyOfWalk(subjects: readonly string[], rest: EventRanges): string {
  return JSON.stringify([subjects, rest]);
}

/** The caller needs no more of them. */
export function closeWalk({ others }: WalkMessages): void {
  others.return(undefined).catch(() => {});
}
