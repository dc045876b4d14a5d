import type { Destination, Outcome } from './destination.ts';

const closed: Outcome = {
  kind: 'retry',
  fault: 'destination',
  reason: 'the destination is closed',
};

/**
 * `deliver` and `close` of a destination that must not release resources during a call: `close`
 * refuses new calls, waits for calls in progress, and then calls `letGo`, once.
 */
export function closeWhenIdle(
  deliver: Destination['deliver'],
  letGo: () => Promise<void>,
): Pick<Destination, 'deliver' | 'close'> {
  const underWay = new Set<Promise<Outcome[]>>();
  let closing: Promise<void> | undefined;
  return {
    async deliver(batch, signal) {
      if (closing !== undefined) return batch.map(() => closed);
      const call = deliver(batch, signal);
      underWay.add(call);
      try {
        return await call;
      } finally {
        underWay.delete(call);
      }
    },
    close: () => (closing ??= Promise.allSettled(underWay).then(letGo)),
  };
}
