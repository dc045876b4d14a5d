import type { Bucket, BucketEntry } from '../jetstream/bucket/bucket.ts';
import { createBucketFollower, type BucketFollower } from '../jetstream/bucket/follow-bucket.ts';
import type { Signals } from '../observability/signals.ts';
import type { KeyChange, KeyContents } from './contents.ts';

export interface KeyFollowerOptions {
  readonly bucket: Bucket;
  readonly contents: KeyContents;
  readonly signals: Pick<Signals, 'keysFollowed' | 'keyUnreadable' | 'keysAway'>;
  /** Called with the keys that have changed. */
  readonly onChange: (changes: readonly KeyChange[]) => void;
}

/**
 * After an outage a bucket that ends earlier than before may be another one, made anew from an older
 * copy, or the answer of a replica that is behind. It is taken for another one after this time.
 */
const behindMsMax = 5_000;

/**
 * Keeps the keys of this process up to date with the bucket. After an outage the whole bucket is read
 * again, because it may be another one. While it cannot be read, the keys stay as they are.
 */
export function createKeyFollower(options: KeyFollowerOptions): BucketFollower {
  const { bucket, contents, signals, onChange } = options;
  let readsAll = true;
  let behindSince: number | undefined;
  let reported = new Set<string>();

  const applyAll = (entries: readonly BucketEntry[]): readonly KeyChange[] => {
    const newest = entries.at(-1)?.revision ?? 0;
    const isBehind = newest < contents.revision();
    behindSince = isBehind ? (behindSince ?? performance.now()) : undefined;
    if (behindSince !== undefined && performance.now() - behindSince < behindMsMax) return [];
    readsAll = false;
    behindSince = undefined;
    return contents.replace(entries);
  };
  return createBucketFollower({
    bucket,
    revision: () => (readsAll ? 0 : contents.revision()),
    apply: (entries) => {
      const changes = readsAll ? applyAll(entries) : contents.apply(entries);
      if (changes.length > 0) onChange(changes);
      const unreadable = contents.unreadable();
      for (const id of unreadable) if (!reported.has(id)) signals.keyUnreadable(id);
      reported = new Set(unreadable);
      signals.keysFollowed();
    },
    onAway: (error) => {
      readsAll = true;
      signals.keysAway(error);
    },
  });
}
