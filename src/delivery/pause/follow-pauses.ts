import type { Bucket } from '../../jetstream/bucket/bucket.ts';
import { createBucketFollower, type BucketFollower } from '../../jetstream/bucket/follow-bucket.ts';
import { decodePause, type Pause } from '../../jetstream/consume/pause/pause-entry.ts';

/** The pauses of destinations, as this process knows them. */
export interface Pauses extends BucketFollower {
  of(destination: string): Pause | undefined;
}

export interface FollowPausesOptions {
  /** The entries of LEDGER: readPausesAfter. */
  readonly entries: Pick<Bucket, 'readAfter'>;
  /** Called for each destination whose pause has begun, changed or ended. */
  readonly onChange: (destination: string, pause: Pause | undefined) => void;
  readonly onAway: (error: unknown) => void;
}

/**
 * Follows the pauses in the log, so that every worker follows within a second. While the log cannot be
 * read, they stay as they are. Revisions are applied in order: a replica that is behind resumes nothing.
 */
export function followPauses({ entries, onChange, onAway }: FollowPausesOptions): Pauses {
  const pauses = new Map<string, Pause>();
  let revision = 0;
  const follower = createBucketFollower({
    bucket: entries,
    revision: () => revision,
    apply: (found) => {
      for (const entry of found) {
        revision = entry.revision;
        const { destination, pause } = decodePause(entry);
        const isChanged = pause !== undefined || pauses.has(destination);
        if (pause === undefined) pauses.delete(destination);
        else pauses.set(destination, pause);
        if (isChanged) onChange(destination, pause);
      }
    },
    onAway,
  });
  return { ...follower, of: (destination) => pauses.get(destination) };
}
