import type { DestinationConfig } from '../../config/config.ts';
import { canaryName, isCanarySubject } from '../../event/canary.ts';
import { compileEventFilter } from '../../event/event-filter.ts';
import type { CopiedMessage } from '../../jetstream/consume/delayed-copies.ts';
import type { Signals } from '../../observability/signals.ts';
import type { PulledMessage } from '../../jetstream/consume/pull.ts';
import { delayedEventsMax, trustedDeliveriesMax, type HeldFrom } from '../capacity.ts';
import { createDueTimes } from './due-times.ts';
import type { EventQueue } from './event-queue.ts';
import { compileFieldRules, type FieldMapping } from './field-rules.ts';
import { HeldEvent } from '../held-event.ts';
import type { HeldRoom } from './held-room.ts';
import type { PullReceiver } from './open-pulls.ts';
import type { Settler } from '../settle.ts';

export interface ReceiverParts {
  readonly destinationConfig: DestinationConfig;
  readonly signals: Signals;
  readonly settler: Settler;
  readonly queue: Pick<EventQueue, 'push'>;
  /** The memory for the events of each stream. */
  readonly rooms: Readonly<Record<HeldFrom, HeldRoom>>;
  /** Called when an event was queued. */
  readonly schedule: () => void;
  readonly stopping: () => boolean;
}

/** What a worker does with pulled messages, those of the lane included. */
export interface Receiver extends PullReceiver {
  onRedelivered(message: PulledMessage): void;
}

/** Decides whether a pulled event is queued, filtered, delayed, or released to the log. */
export function createReceiver(parts: ReceiverParts): Receiver {
  const { settler, queue, rooms } = parts;
  const admit = createAdmit(parts);
  const dueTimes = createDueTimes(delayedEventsMax);
  const take = (held: HeldEvent): void => {
    if (parts.stopping()) settler.release(held);
    else if (admit(held)) {
      queue.push(held);
      parts.schedule();
    }
  };
  return {
    onMessage: (message, stream) => take(new HeldEvent(message, stream, rooms[stream])),
    onRedelivered: (message) => {
      const held = new HeldEvent(message, 'REPLAY', rooms.lane);
      held.isRedelivered = true;
      take(held);
    },
    onDelayedCopy: (message) => {
      const waitMs = dueTimes.waitMs(message);
      if (waitMs > 0) settler.returnUntilDue(message, waitMs);
      else take(heldFromCopy(message, rooms.RETRY));
    },
    onAsideCopy: (message) => take(heldFromCopy(message, rooms.ASIDE)),
  };
}

/** The event of a copy in RETRY or ASIDE. */
function heldFromCopy(message: CopiedMessage, room: HeldRoom): HeldEvent {
  const held = new HeldEvent(message, message.stream, room);
  held.isCopy = true;
  held.tries = message.tries;
  return held;
}

/** The function returns false if it has settled the event, or is about to. */
function createAdmit({ destinationConfig: config, settler, signals }: ReceiverParts) {
  const isWanted = config.name === canaryName ? () => true : compileEventFilter(config);
  const map = config.fields && compileFieldRules(config.fields);
  const trusted = trustedDeliveriesMax(config.retry);
  const isFiltered = config.events.length > 0 || config.sources.length > 0;
  return (held: HeldEvent): boolean => {
    const { message, stream } = held;
    // A person requested this replay for this destination, so the current filter does not apply.
    if (stream === 'EVENTS' && !isWanted(message.subject)) {
      settler.filtered(held);
      if (!isCanarySubject(message.subject)) signals.eventsFiltered(config.name, 1);
      return false;
    }
    if (isFiltered) held.detach();
    if (map !== undefined && !applyMapping(map, held, { settler, signals })) return false;
    if (message.deliveries > trusted) {
      held.exclusive = true;
      held.batchEventsMax = 1;
    }
    return true;
  };
}

/** Does not deliver an unreadable payload: it may contain fields that must not leave. */
function applyMapping(
  map: FieldMapping,
  held: HeldEvent,
  { settler, signals }: Pick<ReceiverParts, 'settler' | 'signals'>,
): boolean {
  try {
    held.payload = map(held.message.payload);
    return true;
  } catch (error) {
    // The messages of V8 and TextDecoder may quote the text around an error.
    const what = error instanceof TypeError ? 'has no eventId or is not UTF-8' : 'is not JSON';
    const outcome = {
      kind: 'dead',
      reason: `the payload is not a stored event: it ${what}`,
    } as const;
    const time = { startedAtMs: Date.now(), durationMs: 0 };
    settler
      .failed({ held, attempt: held.attempt, outcome, time })
      .catch((failure: unknown) => signals.trouble('an unreadable event is not settled', failure));
    return false;
  }
}
