import { ServiceError } from '../errors.ts';
import type { Log } from '../jetstream/log.ts';
import { PublishError } from '../jetstream/publish/publish-error.ts';
import { deleteMessage } from '../jetstream/read/read.ts';
import { subjects } from '../jetstream/topology.ts';

/** Makes sure that one person at a time does something about one dead letter. */
export interface Claims {
  /**
   * Does the work on the entry at this place of DEAD, if nobody else does: neither here nor at the
   * admin port of another process. Throws `dead_letter_busy`.
   */
  hold<Value>(deadSequence: number, work: () => Promise<Value>): Promise<Value>;
}

/**
 * A claim is a message in CLAIMS on a subject of its own, which the log takes only where there is
 * none yet. When the work is done its entry is gone, and its claim is left to age (`claimMs`), as is
 * that of a process that crashed; a failure gives it back.
 */
export function createClaims(log: Log): Claims {
  return {
    hold: async (deadSequence, work) => {
      const claim = await take(log, deadSequence);
      try {
        return await work();
      } catch (error) {
        // Whether it can be given back does not matter: it ages.
        await deleteMessage(log, 'CLAIMS', claim).catch(() => {});
        throw error;
      }
    },
  };
}

async function take(log: Log, deadSequence: number): Promise<number> {
  try {
    const { sequence } = await log.store(
      'CLAIMS',
      subjects.claim(deadSequence),
      { 'Nats-Expected-Last-Subject-Sequence': '0' },
      new Date().toISOString(),
    );
    return sequence;
  } catch (error) {
    if (!(error instanceof PublishError) || error.fault !== 'conflict') throw error;
    throw new ServiceError('dead_letter_busy', 'This dead letter is in work.', { cause: error });
  }
}
