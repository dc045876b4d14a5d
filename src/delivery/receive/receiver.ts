import type { DestinationConfig } from '../../config/config.ts';
import { canaryName, canarySubject } from '../../event/canary.ts';
import { compileEventFilter } from '../../event/event-filter.ts';
import type { DelayedMessage } from '../../jetstream/consume/delayed-copies.ts';
import type { Signals } from '../../observability/signals.ts';
import { retriedMax, trustedDeliveriesMax } from '../capacity.ts';
import type { EventQueue } from './event-queue.ts';
import { compileFieldRules, type FieldMapping } from './field-rules.ts';
import { HeldEvent } from '../held-event.ts';
import type { PullReceiver } from './open-pulls.ts';
import type { Settler } from '../settle.ts';

export interface ReceiverParts {
  readonly destinationConfig: DestinationConfig;
  readonly signals: Signals;
  readonly settler: Settler;
  readonly queue: EventQueue;
  readonly eventBytesMax: number;
  /** Something is in the queue. */
  readonly schedule: () => void;
  readonly stopping: () => boolean;
  /** All events that the worker holds. */
  readonly held: () => readonly HeldEvent[];
}

/** Decides what becomes of a pulled event: it is queued, filtered, delayed, or handed back. */
export function createReceiver(parts: ReceiverParts): PullReceiver {
  const { settler, queue } = parts;
  const admit = createAdmit(parts);
  const take = (held: HeldEvent): void => {
    if (parts.stopping()) settler.handBack(held);
    else if (admit(held)) {
      queue.push(held);
      parts.schedule();
    }
  };
  return {
    onMessage: (message, stream) => take(new HeldEvent(message, stream)),
    onDelayedCopy: (message) => {
      const waitMs = message.dueMs - Date.now();
      if (waitMs > 0) settler.notYet(message, waitMs);
      else take(heldAgain(message));
    },
    room: () => {
      const retried = parts.held().filter(({ isDelayedCopy }) => isDelayedCopy);
      return retriedMax(parts.eventBytesMax) - retried.length;
    },
  };
}

/** An event that comes back from RETRY. */
function heldAgain(message: DelayedMessage): HeldEvent {
  const held = new HeldEvent(message, message.stream);
  held.isDelayedCopy = true;
  held.tries = message.tries;
  return held;
}

/** False: the event is settled, or is being. */
function createAdmit({ destinationConfig: config, settler, signals }: ReceiverParts) {
  const isWanted = config.name === canaryName ? () => true : compileEventFilter(config);
  const map = config.fields && compileFieldRules(config.fields);
  const trusted = trustedDeliveriesMax(config.retry);
  return (held: HeldEvent): boolean => {
    const { message, stream } = held;
    // A person meant a replay for this destination, whatever its filter is by now.
    if (stream === 'EVENTS' && !isWanted(message.subject)) {
      settler.filtered(held);
      if (message.subject !== canarySubject) signals.eventsFiltered(config.name, 1);
      return false;
    }
    if (map !== undefined && !applyMapping(map, held, settler)) return false;
    if (message.deliveries > trusted) {
      held.exclusive = true;
      held.batchEventsMax = 1;
    }
    return true;
  };
}

/** A payload that cannot be read may hold fields that must not leave, so it is not delivered. */
function applyMapping(map: FieldMapping, held: HeldEvent, settler: Settler): boolean {
  try {
    held.payload = map(held.message.payload);
    return true;
  } catch (error) {
    // V8 and TextDecoder may quote the text around a fault.
    const what = error instanceof TypeError ? 'has no eventId or is not UTF-8' : 'is not JSON';
    const outcome = {
      kind: 'dead',
      reason: `the payload is not a stored event: it ${what}`,
    } as const;
    const time = { startedAtMs: Date.now(), durationMs: 0 };
    void settler.failed({ held, attempt: held.attempt, outcome, time });
    return false;
  }
}
