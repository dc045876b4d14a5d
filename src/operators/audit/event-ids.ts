import type { AuditedIds } from '../../audit/audit-part.ts';
import type { StoredDeadLetter } from '../../dead-letters/dead-letter-entry.ts';
import type { DeadLetterQueue } from '../../dead-letters/queue.ts';
import { eventIdOf, isUuid } from '../../event/event-id.ts';
import type { RejectedEvents } from '../../quarantine/rejected-events.ts';
import type { EventLookups } from './audited-rpc.ts';

/**
 * The ids of a rejected event: with a valid key also the event_id that its replay stores. Any other
 * key is text of a producer, which is not copied.
 */
export function rejectedIds(number: number, source: string, idempotencyKey: string): AuditedIds {
  if (!isUuid(idempotencyKey)) return { rejected: number };
  return { rejected: number, idempotencyKey, eventId: eventIdOf(source, idempotencyKey) };
}

/** The ids of the event of a dead letter, which may be JSON that is no event. */
export function deadLetterIds({ event }: Pick<StoredDeadLetter, 'event'>): AuditedIds {
  const { eventId, idempotencyKey } = event ?? {};
  return {
    ...(isId(eventId) && { eventId }),
    ...(isId(idempotencyKey) && { idempotencyKey }),
  };
}

/** Looks events up by one id, before an operator acts on them. */
export function createEventLookups(
  deadLetters: Pick<DeadLetterQueue, 'get'>,
  rejected: Pick<RejectedEvents, 'get'>,
): EventLookups {
  return {
    deadLetter: async (id) => {
      const { deadLetter } = await deadLetters.get(id);
      return deadLetterIds(deadLetter);
    },
    rejected: async (number) => {
      const found = await rejected.get(number);
      if (found === undefined) return {};
      return rejectedIds(number, found.entry.source, found.entry.idempotencyKey);
    },
  };
}

function isId(id: unknown): id is string {
  return typeof id === 'string' && isUuid(id);
}
