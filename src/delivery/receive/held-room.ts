import type { PullRoom } from '../../jetstream/consume/pull.ts';

/** The memory for the events that a worker holds from one stream. */
export interface HeldRoom {
  hold(bytes: number): void;
  free(bytes: number): void;
  /** For `PullOptions.room`. */
  room(): PullRoom;
}

/**
 * Requests are sent so much earlier than their messages are due, because an answer takes time. Less
 * than the events of a request take.
 */
const aheadMs = 3;

/**
 * Creates the memory of one stream: at most so many events and payload bytes, or one event of any
 * size. `onFree` is called when an event leaves after the room was found too small, and when the pace
 * lets more events in.
 *
 * @param pace counts the events that were pulled since its last call. Returns how many ms the next ones
 * wait.
 */
export function createHeldRoom(
  max: { readonly messages: number; readonly bytes: number },
  onFree: () => void,
  pace: (pulled: number) => number = () => 0,
): HeldRoom {
  let messages = 0;
  let bytes = 0;
  let pulled = 0;
  let isAsked = false;
  let timer: NodeJS.Timeout | undefined;
  const mustWait = (): boolean => {
    const waitMs = pace(pulled) - aheadMs;
    pulled = 0;
    if (waitMs <= 0) return false;
    timer ??= setTimeout(() => {
      timer = undefined;
      onFree();
    }, Math.ceil(waitMs)).unref();
    return true;
  };
  return {
    hold: (more) => {
      pulled += 1;
      messages += 1;
      bytes += more;
    },
    free: (less) => {
      messages -= 1;
      bytes -= less;
      if (!isAsked) return;
      isAsked = false;
      // Once per turn of the event loop: a batch is settled in one.
      setImmediate(onFree);
    },
    room: () => {
      isAsked = true;
      return {
        messages: mustWait() ? 0 : Math.max(0, max.messages - messages),
        bytes: Math.max(0, max.bytes - bytes),
        isEmpty: messages === 0,
      };
    },
  };
}
