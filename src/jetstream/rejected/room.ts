import type { Log } from '../log.ts';
import type { RejectedKind } from '../topology.ts';
import { bytesOfClass } from './size-class.ts';
import { readRejectedUsage, shareOf, type RejectedUsage } from './usage.ts';

/** The limits of what may be added to REJECTED, as one process knows them. */
export interface RejectedRoom {
  /** Calls back with why there is no room for an event of this source; undefined: there is. */
  enter(
    source: string,
    kind: RejectedKind,
    sizeClass: string,
    callback: (full: string | undefined) => void,
  ): void;
  /** What a producer reads when the stream itself is full. */
  fullText(): string;
}

/**
 * How old the figures of the server may be. Every process adds what it stores itself, so the limits are
 * exceeded by at most what the other processes store in this time. On a server with very many subjects,
 * whose figures take long to read, they may be older: at least 50 times as old as the reading took.
 */
const figuresMsMax = 2_000;
const readingShareMax = 1 / 50;

export function createRejectedRoom(
  log: Log,
  read: () => Promise<RejectedUsage> = () => readRejectedUsage(log),
): RejectedRoom {
  let usage: RejectedUsage | undefined;
  let freshUntil = -Infinity;
  let reading: Promise<void> | undefined;
  /** What this process has stored since the figures were read, by source. */
  let quarantined = new Map<string, number>();
  let addedBytes = 0;

  const refresh = async (): Promise<void> => {
    const startedAt = performance.now();
    // What is acknowledged during the reading may be counted twice, until the next one.
    const stored = new Map<string, number>();
    const before = quarantined;
    quarantined = stored;
    const addedBefore = addedBytes;
    addedBytes = 0;
    try {
      usage = await read();
    } catch {
      // The log is away: what is published next fails by itself. The last figures stay.
      for (const [source, bytes] of before) stored.set(source, (stored.get(source) ?? 0) + bytes);
      addedBytes += addedBefore;
    }
    const readyAt = performance.now();
    freshUntil = readyAt + Math.max(figuresMsMax, (readyAt - startedAt) / readingShareMax);
  };
  const enterNow = (source: string, kind: RejectedKind, bytes: number): string | undefined => {
    if (usage === undefined) return undefined;
    if (usage.storedBytes + addedBytes + bytes > usage.roomBytes) return fullText(usage);
    if (kind === 'quarantined') {
      const own =
        (usage.kinds.quarantined.get(source)?.bytes ?? 0) + (quarantined.get(source) ?? 0);
      let others = 0;
      for (const [name, added] of quarantined) if (name !== source) others += added;
      const share = shareOf(usage, source) - others / 2;
      if (own + bytes > share) return shareText(source, share);
      quarantined.set(source, (quarantined.get(source) ?? 0) + bytes);
    }
    addedBytes += bytes;
    return undefined;
  };
  return {
    enter: (source, kind, sizeClass, callback) => {
      const enter = (): void => callback(enterNow(source, kind, bytesOfClass(sizeClass)));
      if (performance.now() < freshUntil) {
        enter();
        return;
      }
      reading ??= refresh().finally(() => (reading = undefined));
      void reading.then(enter);
    },
    fullText: () => fullText(usage),
  };
}

const fix =
  'replay or discard rejected events (headgate rejected), or raise rejected.storage_bytes_max';

function fullText(usage: RejectedUsage | undefined): string {
  const limit = usage === undefined ? '' : ` (${mebibytes(usage.roomBytes)})`;
  return `the room for rejected events is full${limit}: ${fix}`;
}

function shareText(source: string, share: number): string {
  return `the source ${source} has filled its share of the room for rejected events (${mebibytes(share)}): ${fix}`;
}

function mebibytes(bytes: number): string {
  return `${(Math.max(0, bytes) / (1024 * 1024)).toFixed(1)} MiB`;
}
