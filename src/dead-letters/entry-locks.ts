import { ServiceError } from '../errors.ts';
import type { Log } from '../jetstream/log.ts';
import { PublishError } from '../jetstream/publish/publish-error.ts';
import { storeIfUnchanged } from '../jetstream/publish/store-if-unchanged.ts';
import { deleteMessage } from '../jetstream/read/read.ts';
import { subjects } from '../jetstream/topology.ts';

/** Locks of dead letters: one person at a time changes one of them. */
export interface EntryLocks {
  /**
   * Does the work while it holds the lock of the entry at this position of DEAD. The lock holds for all
   * processes. Throws a ServiceError `dead_letter_busy` when another caller has it.
   */
  hold<Value>(deadSequence: number, work: () => Promise<Value>): Promise<Value>;
}

/**
 * A lock is a message in CLAIMS on a subject of its own, which the log takes only while the subject has
 * none. After the work its entry is gone, so the lock may expire by age (`claimMs`), as the one of a
 * crashed process does; when the work fails, it is released at once.
 */
export function createEntryLocks(log: Log): EntryLocks {
  return {
    hold: async (deadSequence, work) => {
      const lock = await acquire(log, deadSequence);
      try {
        return await work();
      } catch (error) {
        // If it cannot be released now, it expires.
        await deleteMessage(log, 'CLAIMS', lock).catch(() => {});
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
    if (!(error instanceof PublishError) || error.code !== 'conflict') throw error;
    throw new ServiceError('dead_letter_busy', 'This dead letter is in work.', { cause: error });
  }
}
