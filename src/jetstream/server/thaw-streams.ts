import { statfsSync } from 'node:fs';

export interface ThawOptions {
  /** Its disk is the one that was full. */
  readonly storeDir: string;
  readonly frozenStreams: () => ReadonlySet<string>;
  /** Ends nats-server, which is then started again. */
  readonly restart: (reason: string) => void;
  readonly intervalMs?: number;
  /** The free bytes of the disk of a folder. */
  readonly freeBytes?: (folder: string) => number;
}

const intervalMsDefault = 1_000;
/** With less room the streams would freeze again at once. A block of a stream has up to 8 MiB. */
const freeBytesMin = 64 * 1024 * 1024;
/** A disk that fails for another reason freezes the streams again: then less and less often. */
const pauseMsMin = 5_000;
const pauseMsMax = 300_000;

/**
 * Starts nats-server again when a stream is frozen and the disk has room: only a start makes the
 * stream take messages again. Returns a function that ends the watch.
 */
export function thawStreams(options: ThawOptions): () => void {
  const { storeDir, frozenStreams, restart, freeBytes = freeBytesOf } = options;
  let pauseMs = pauseMsMin;
  let restartedAt = Number.NEGATIVE_INFINITY;
  const look = (): void => {
    const frozen = frozenStreams();
    const sinceMs = performance.now() - restartedAt;
    if (frozen.size === 0) {
      if (sinceMs > 2 * pauseMsMax) pauseMs = pauseMsMin;
      return;
    }
    if (sinceMs < pauseMs || freeBytes(storeDir) < freeBytesMin) return;
    pauseMs = Math.min(
      pauseMsMax,
      restartedAt === Number.NEGATIVE_INFINITY ? pauseMs : pauseMs * 2,
    );
    restartedAt = performance.now();
    restart(
      `nats-server stopped taking messages of ${[...frozen].join(', ')} after a failed write, ` +
        'and the disk has room again',
    );
  };
  const timer = setInterval(look, options.intervalMs ?? intervalMsDefault);
  timer.unref();
  return () => clearInterval(timer);
}

function freeBytesOf(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return 0;
  }
}
