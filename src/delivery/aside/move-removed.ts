import { setTimeout as sleep } from 'node:timers/promises';

import { compileEventFilter } from '../../event/event-filter.ts';
import { storeAsideCopy } from '../../jetstream/consume/aside/aside-copies.ts';
import {
  ensureDestinationConsumer,
  readRemovedConsumer,
} from '../../jetstream/consume/destination-consumer.ts';
import { openPull } from '../../jetstream/consume/pull.ts';
import type { StreamPart } from '../../jetstream/events/stream-parts.ts';
import type { Log } from '../../jetstream/log.ts';
import type { Signals } from '../../observability/signals.ts';
import { asideAckPendingMax } from '../capacity.ts';
import { HeldEvent } from '../held-event.ts';
import { createHeldRoom } from '../receive/held-room.ts';
import { createMoveAside, releaseHeld, settleFiltered } from '../settle.ts';
import type { AsideProgress } from './moves.ts';

/** Moves the events of destinations that the configuration no longer names. */
export interface RemovedMoves {
  /**
   * Moves the events of a destination in a part up to this position, in the background. Returns how
   * it goes; undefined if its events must stay: it holds intake, or a worker elsewhere delivers them.
   */
  request(destination: string, part: StreamPart, upTo: number): AsideProgress | undefined;
  /** Waits for the copies that are being stored. */
  stop(): Promise<void>;
}

export interface RemovedMovesOptions {
  readonly log: Log;
  readonly signals: Pick<Signals, 'trouble'>;
}

/** The events in hand, as many as share a sync of the disk well. */
const heldMax = { messages: 512, bytes: 8 * 1024 * 1024 };
/** When nothing comes for so long, nothing is left, or another process holds it. */
const idleMs = 1_000;
/** The same once no more is requested. */
const restMs = 200;
const pollMs = 20;
const ackWaitMs = 30_000;

/**
 * A destination without a worker moves its events through its own consumer, so that its position
 * stays true, and several processes that do this share the work. It goes beyond the position by
 * what it has already requested, about a thousand events.
 */
export function createRemovedMoves(options: RemovedMovesOptions): RemovedMoves {
  const { log, signals } = options;
  const jobs = new Map<string, Promise<void>>();
  const last = new Map<string, AsideProgress | undefined>();
  const stopping = new AbortController();

  const run = async (destination: string, part: StreamPart, upTo: number) => {
    const consumer = await readRemovedConsumer(log, part, destination);
    if (consumer === undefined || consumer.whenFull === 'hold' || consumer.hasWorker) {
      return undefined;
    }
    // First the consumer: the janitor deletes copies that no consumer waits for.
    await ensureDestinationConsumer(log, 'ASIDE', destination, {
      attempts: -1,
      ackWaitMs,
      ackPendingMax: asideAckPendingMax,
    });
    const isWanted =
      consumer.filter === undefined ? () => true : compileEventFilter(consumer.filter);
    return moveUpTo({ ...options, destination, part, upTo, isWanted, signal: stopping.signal });
  };

  return {
    request: (destination, part, upTo) => {
      const key = `${part.stream} ${destination}`;
      if (!jobs.has(key) && !stopping.signal.aborted) {
        const done = run(destination, part, upTo)
          .then((progress) => void last.set(key, progress))
          .catch((error: unknown) => {
            signals.trouble(`moving the events of ${destination} aside`, error);
          })
          .finally(() => jobs.delete(key));
        jobs.set(key, done);
      }
      return last.has(key) ? last.get(key) : 'moving';
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(jobs.values());
    },
  };
}

interface MoveParts extends RemovedMovesOptions {
  readonly destination: string;
  readonly part: StreamPart;
  readonly upTo: number;
  readonly isWanted: (subject: string) => boolean;
  readonly signal: AbortSignal;
}

async function moveUpTo(parts: MoveParts): Promise<AsideProgress> {
  const { log, signals, destination, part, upTo, signal } = parts;
  const moveAside = createMoveAside({
    signals,
    storeAside: (copy) => storeAsideCopy(log, { ...copy, destination }),
  });
  let progress: AsideProgress = 'moving';
  let isOver = false;
  let heardAtMs = performance.now();
  const running = new Set<Promise<void>>();
  const move = async (held: HeldEvent): Promise<void> => {
    const end = await moveAside(held);
    if (end === 'moved') return;
    isOver = true;
    if (end === 'full') progress = 'full';
    releaseHeld(held);
  };
  const room = createHeldRoom(heldMax, () => pull.more());
  const pull = await openPull({
    log,
    stream: 'EVENTS',
    part,
    consumer: destination,
    messagesMax: heldMax.messages,
    room: () => (isOver ? { messages: 0, bytes: 0, isEmpty: false } : room.room()),
    onMessage: (message) => {
      heardAtMs = performance.now();
      const held = new HeldEvent(message, 'EVENTS', room);
      if (message.sequence > upTo) isOver = true;
      if (!parts.isWanted(message.subject)) return settleFiltered(held);
      const done = move(held).finally(() => running.delete(done));
      running.add(done);
    },
    onTrouble: (text) => signals.trouble(`moving the events of ${destination} aside`, text),
  });
  // What the log has sent already is moved, too: dropped, it would come again after ack_wait only.
  const isIdle = (): boolean => performance.now() - heardAtMs > (isOver ? restMs : idleMs);
  while (!isIdle() && !signal.aborted) await sleep(pollMs);
  isOver = true;
  await pull.stop();
  await Promise.all(running);
  return progress;
}
