import type { DeadLetterQueue } from '../../dead-letters/queue.ts';
import type { DeadLetterFilter } from '../../dead-letters/walk-dead-letters.ts';
import { ServiceError } from '../../errors.ts';
import type { AuditedIds } from '../../audit/audit-part.ts';
import { deadLetterIds } from '../audit/event-ids.ts';

/** What became of one dead letter of a page. */
export interface PageReplay {
  readonly id: string;
  /** 0n if it was not replayed. */
  readonly sequence: bigint;
  /** `dead_letter_not_found`, `dead_letter_busy` or `destination_not_found`; empty if it was replayed. */
  readonly code: string;
}

/** Each replay waits for a sync of the disk; this many share one sync. */
const inFlightMax = 8;

/**
 * Replays a page of the dead letters that match a filter. `onReplayed` is called for each, also if
 * the page fails later: the first unexpected error ends it, once those in work have ended.
 */
export async function replayPage(
  queue: DeadLetterQueue,
  filter: DeadLetterFilter,
  pageSize: number,
  pageToken: string,
  onReplayed: (event: AuditedIds) => void,
): Promise<{ readonly results: PageReplay[]; readonly nextPageToken: string }> {
  const { deadLetters, nextPageToken } = await queue.list(filter, pageSize, pageToken);
  const results: PageReplay[] = [];
  const left = [...deadLetters];
  const work = async (): Promise<void> => {
    for (let letter = left.shift(); letter !== undefined; letter = left.shift()) {
      const { id } = letter;
      try {
        results.push({ id, sequence: BigInt(await queue.replay(id)), code: '' });
        onReplayed({ deadLetter: id, ...deadLetterIds(letter) });
      } catch (error) {
        if (!isOfOne(error)) {
          left.length = 0;
          throw error;
        }
        results.push({ id, sequence: 0n, code: error.code });
      }
    }
  };
  const works = await Promise.allSettled(Array.from({ length: inFlightMax }, work));
  const failed = works.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return { results, nextPageToken };
}

const codesOfOne = ['dead_letter_not_found', 'dead_letter_busy', 'destination_not_found'];

/** Whether it says why this one was not replayed, and others may be. */
function isOfOne(error: unknown): error is ServiceError {
  return error instanceof ServiceError && codesOfOne.includes(error.code);
}
