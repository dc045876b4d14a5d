import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';

/** A reader counts after so many messages or bytes, so that it holds up the event loop for a millisecond or two. */
const sliceMessages = 64;
const sliceBytes = 64 * 1024;

/** Counts what one reader of a log reads, in slices. */
export interface PaceKeeper {
  /** After each message. How many ms to wait before the next one; 0 if the reader may read on. */
  read(bytes: number): number;
  /** Whether the last slice was followed by a wait. */
  isWaiting(): boolean;
  /** At the end, however soon: who reads next waits for what was read. */
  end(): void;
}

/** The readers of the log share one pace. */
export function createPaceKeeper(log: Log): PaceKeeper {
  const { pace } = clientsOf(log);
  let messages = 0;
  let bytes = 0;
  let waitMs = 0;
  const count = (): number => {
    waitMs = pace.count(messages, bytes);
    [messages, bytes] = [0, 0];
    return waitMs;
  };
  return {
    read: (more) => {
      messages += 1;
      bytes += more;
      return messages < sliceMessages && bytes < sliceBytes ? 0 : count();
    },
    isWaiting: () => waitMs > 0,
    end: () => void count(),
  };
}
