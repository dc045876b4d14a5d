import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** The contents of files at one moment. */
export interface Contents {
  /** Throws as `readFileSync` does for a file that could not be read. */
  readonly bytesOf: (file: string) => Buffer;
  readonly digest: string;
}

/** What became of contents: `held` ones are offered again while they stay the same. */
export type OfferOutcome = 'applied' | 'unchanged' | 'failed' | 'held';

export interface Offer {
  readonly contents: Contents;
  /** True for the first look, which compares with what the start has read a moment ago. */
  readonly isFirst: boolean;
  /** False: contents that may be cut must wait. */
  readonly mayRemove: boolean;
  /** True: an operator asked for it by SIGHUP. */
  readonly isOrdered: boolean;
}

export interface FollowContentsOptions {
  readonly paths: readonly string[];
  readonly take: (offer: Offer) => OfferOutcome;
  readonly onError: (error: unknown) => void;
}

export interface FollowedContents {
  /** Offers the contents as they are now. */
  offerNow(): void;
  stop(): void;
}

/** Two looks that find the same: within the second, and not while a file is half written. */
const lookIntervalMs = 250;
/** How long contents that may be cut must stay the same. */
export const holdMs = 5_000;

/**
 * Offers the contents of files when two looks in a row find the same. Contents are compared, because
 * Kubernetes swaps symlinks and watches lose them. What is offered is what the looks found, not what
 * another reading finds later.
 */
export function followContents({ paths, take, onError }: FollowContentsOptions): FollowedContents {
  let offered: string | undefined;
  let held: string | undefined;
  let last = { digest: '', sinceMs: 0 };
  /** In force before the present contents. They are complete, whatever they remove. */
  let inForce: string | undefined;
  let before: string | undefined;

  const offer = (contents: Contents, mayRemove: boolean, isOrdered: boolean): void => {
    const { digest } = contents;
    const isFirst = offered === undefined;
    const isKnown = digest === before || digest === inForce;
    const outcome = take({ contents, isFirst, mayRemove: mayRemove || isKnown, isOrdered });
    offered = digest;
    held = outcome === 'held' ? digest : undefined;
    if (outcome === 'failed' || outcome === 'held' || digest === inForce) return;
    before = inForce;
    inForce = digest;
  };
  const look = async (): Promise<void> => {
    const contents = await readContents(paths);
    if (stopped) return;
    const { digest } = contents;
    const nowMs = performance.now();
    if (digest !== last.digest) {
      last = { digest, sinceMs: nowMs };
      return;
    }
    const mayRemove = nowMs - last.sinceMs >= holdMs;
    if (digest !== offered || (digest === held && mayRemove)) offer(contents, mayRemove, false);
  };
  let looking = false;
  let stopped = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look()
      .catch(onError)
      .finally(() => (looking = false));
  }, lookIntervalMs);
  timer.unref();
  return {
    offerNow: () => offer(readContentsNow(paths), true, true),
    stop: () => {
      stopped = true;
      clearInterval(timer);
    },
  };
}

type Read = Buffer | NodeJS.ErrnoException;

async function readContents(paths: readonly string[]): Promise<Contents> {
  const read = paths.map((file) => readFile(file).catch((error: NodeJS.ErrnoException) => error));
  return contentsOf(paths, await Promise.all(read));
}

function readContentsNow(paths: readonly string[]): Contents {
  const read = paths.map((file): Read => {
    try {
      return readFileSync(file);
    } catch (error) {
      return error as NodeJS.ErrnoException;
    }
  });
  return contentsOf(paths, read);
}

function contentsOf(paths: readonly string[], read: readonly Read[]): Contents {
  const files = new Map(paths.map((file, index) => [file, read[index]!]));
  const hash = createHash('sha256');
  for (const each of read) {
    if (Buffer.isBuffer(each)) hash.update(`${each.length}:`).update(each);
    else hash.update(`:${each.code}`);
  }
  const bytesOf = (file: string): Buffer => {
    const found = files.get(file) ?? readFileSync(file);
    if (Buffer.isBuffer(found)) return found;
    throw found;
  };
  return { bytesOf, digest: hash.digest('hex') };
}
