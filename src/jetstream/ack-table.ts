import { PublishError } from './publish-error.ts';
import type { GroupCommit } from './group-commit.ts';
import type { PublishAck, PublishCallback } from './publish-ack.ts';

/** Who waits for which acknowledgement. */
export interface AckTable {
  /**
   * Puts a callback on the table and gives the number that its acknowledgement will bear. The
   * acknowledgement passes through `commit` where there is one.
   */
  add(callback: PublishCallback, commit: GroupCommit | undefined): number;
  settle(token: number, answer: PublishAck | PublishError): void;
  failAll(error: PublishError): void;
  readonly size: () => number;
  close(): void;
}

/** How often acknowledgements that never came are looked for: one timer for all of them. */
const sweepIntervalMs = 250;

/** A power of two, so that a number finds its place by its low bits. */
const placesAtFirst = 1024;

/**
 * Every callback is called once: by its acknowledgement, by the sweep after `timeoutMs`, or by
 * `failAll`.
 *
 * A ring of places, numbered on for ever. Acknowledgements come nearly in order, so it is about as
 * long as what is in flight; finding a place is one operation, where a Map would hash, and grow anew
 * as it churns.
 */
export function createAckTable(timeoutMs: number): AckTable {
  let callbacks: (PublishCallback | undefined)[] = emptyPlaces(placesAtFirst);
  let commits: (GroupCommit | undefined)[] = emptyPlaces(placesAtFirst);
  let deadlines = new Float64Array(placesAtFirst);
  /** Everything before it is settled. */
  let oldest = 1;
  let next = 1;
  let open = 0;

  const grow = (): void => {
    const length = callbacks.length;
    const largerCallbacks: typeof callbacks = emptyPlaces(length * 2);
    const largerCommits: typeof commits = emptyPlaces(length * 2);
    const largerDeadlines = new Float64Array(length * 2);
    for (let token = oldest; token < next; token += 1) {
      const place = token & (length - 1);
      const larger = token & (length * 2 - 1);
      largerCallbacks[larger] = callbacks[place];
      largerCommits[larger] = commits[place];
      largerDeadlines[larger] = deadlines[place]!;
    }
    callbacks = largerCallbacks;
    commits = largerCommits;
    deadlines = largerDeadlines;
  };

  /** Undefined: nobody waits under this number, or no longer. */
  const take = (token: number): PublishCallback | undefined => {
    if (!(token >= oldest && token < next)) return undefined;
    const place = token & (callbacks.length - 1);
    const callback = callbacks[place];
    if (callback === undefined) return undefined;
    callbacks[place] = undefined;
    open -= 1;
    while (oldest < next && callbacks[oldest & (callbacks.length - 1)] === undefined) oldest += 1;
    return callback;
  };

  const settle = (token: number, answer: PublishAck | PublishError): void => {
    const callback = take(token);
    if (callback === undefined) return;
    const commit = commits[token & (commits.length - 1)];
    if (answer instanceof PublishError) callback(undefined, answer);
    else if (commit === undefined) callback(answer, undefined);
    else commit.join(callback, answer);
  };

  const sweep = setInterval(() => {
    const now = performance.now();
    while (oldest < next && deadlines[oldest & (callbacks.length - 1)]! <= now) {
      settle(oldest, new PublishError('timeout', `no acknowledgement within ${timeoutMs} ms`));
    }
  }, sweepIntervalMs);
  sweep.unref();

  return {
    add: (callback, commit) => {
      if (next - oldest === callbacks.length) grow();
      const token = next;
      next += 1;
      open += 1;
      const place = token & (callbacks.length - 1);
      callbacks[place] = callback;
      commits[place] = commit;
      deadlines[place] = performance.now() + timeoutMs;
      return token;
    },
    settle,
    failAll: (error) => {
      // What a callback adds while it is told is not failed with the others.
      for (let token = oldest, end = next; token < end; token += 1) settle(token, error);
    },
    size: () => open,
    close: () => clearInterval(sweep),
  };
}

function emptyPlaces<T>(length: number): (T | undefined)[] {
  return Array.from({ length });
}
