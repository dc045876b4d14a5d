import type { PullRoom } from '../../jetstream/consume/pull.ts';

/** The memory for the events that a worker holds from one stream. */
export interface HeldRoom {
  hold(bytes: number): void;
  free(bytes: number): void;
  /** For `PullOptions.room`. */
  room(): PullRoom;
}

/**
 * Creates the memory of one stream: at most so many events and payload bytes, or one event of any
 * size. `onFree` is called when an event leaves after the room was found too small.
 */
export function createHeldRoom(
  max: { readonly messages: number; readonly bytes: number },
  onFree: () => void,
): HeldRoom {
  let messages = 0;
  let bytes = 0;
  let isAsked = false;
  return {
    hold: (more) => {
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
        messages: Math.max(0, max.messages - messages),
        bytes: Math.max(0, max.bytes - bytes),
        isEmpty: messages === 0,
      };
    },
  };
}
