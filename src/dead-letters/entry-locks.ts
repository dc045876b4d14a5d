import { ServiceError } from '../errors.ts';
import type { Log } from '../jetstream/log.ts';
import { isConflict } from '../jetstream/publish/publish-error.ts';
import { storeIfUnchanged } from '../jetstream/publish/store-if-unchanged.ts';
import { deleteMessage } from '../jetstream/read/read.ts';
import { subjects } from '../jetstream/topology.ts';

/** Locks of dead letters, so that one caller at a time changes an entry. */
export interface EntryLocks {
  /**
   * Does the work while it holds the lock of the entry at this position in DEAD. The lock applies
   * to all processes. Throws a ServiceError `dead_letter_busy` if another caller holds it. Work that
   * leaves the entry in its place calls `release` in the end.
   */
  hold<Value>(
    deadSequence: number,
    work: (release: () => Promise<void>) => Promise<Value>,
  ): Promise<Value>;
}

/**
 * A lock is a message in CLAIMS on a subject of its own, which the log accepts only if the subject
 * has no message yet. The work deletes the entry, so the lock may expire by age (`claimMs`), as the
 * lock of a crashed process does. If the work fails, the lock is released at once.
 */
export function createEntryLocks(log: Log): EntryLocks {
  return {
    hold: async (deadSequence, work) => {
      const lock = await acquire(log, deadSequence);
      // If it cannot be released now, it expires.
      const release = (): Promise<void> => deleteMessage(log, 'CLAIMS', lock).catch(() => {});
      try {
        return await work(release);
      } catch (error) {
        await release();
        throw error;
      }
    },
  };
}

/** Resolves to the position of the lock in CLAIMS. */
async function acquire(log: Log, deadSequence: number): Promise<number> {
  const subject = subjects.claim(deadSequence);
  try {
    const at = new Date().toISOString();
    const { sequence } = await storeIfUnchanged(log, 'CLAIMS', subject, 0, at);
    return sequence;
  } catch (error) {
    if (!isConflict(error)) throw error;
    throw new ServiceError('dead_letter_busy', 'Another caller is changing this dead letter.', {
      cause: error,
    });
  }
}
