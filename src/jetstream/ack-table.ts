import { PublishError } from './publish-error.ts';
import type { PublishAck, PublishCallback } from './publisher.ts';

/** Who waits for which acknowledgement. */
export interface AckTable {
  /** Puts a callback on the table and gives the number that its acknowledgement will bear. */
  add(callback: PublishCallback): number;
  settle(token: number, answer: PublishAck | PublishError): void;
  failAll(error: PublishError): void;
  readonly size: () => number;
  close(): void;
}

/** How often acknowledgements that never came are looked for: one timer for all of them. */
const sweepIntervalMs = 250;

interface Waiting {
  readonly callback: PublishCallback;
  readonly deadline: number;
}

/** Every callback is called once: by its acknowledgement, by the sweep after `timeoutMs`, or by `failAll`. */
export function createAckTable(timeoutMs: number): AckTable {
  // A Map keeps the order of insertion, and everybody waits equally long: the oldest deadline is
  // always the first.
  const waiting = new Map<number, Waiting>();
  let nextToken = 1;

  const settle = (token: number, answer: PublishAck | PublishError): void => {
    const entry = waiting.get(token);
    if (entry === undefined) return;
    waiting.delete(token);
    if (answer instanceof PublishError) entry.callback(undefined, answer);
    else entry.callback(answer, undefined);
  };

  const sweep = setInterval(() => {
    const now = performance.now();
    const late = new PublishError('timeout', `no acknowledgement within ${timeoutMs} ms`);
    for (const [token, entry] of waiting) {
      if (entry.deadline > now) break;
      settle(token, late);
    }
  }, sweepIntervalMs);
  sweep.unref();

  return {
    add: (callback) => {
      const token = nextToken;
      nextToken = token === Number.MAX_SAFE_INTEGER ? 1 : token + 1;
      waiting.set(token, { callback, deadline: performance.now() + timeoutMs });
      return token;
    },
    settle,
    failAll: (error) => {
      const failed = [...waiting.values()];
      waiting.clear();
      for (const entry of failed) entry.callback(undefined, error);
    },
    size: () => waiting.size,
    close: () => clearInterval(sweep),
  };
}
