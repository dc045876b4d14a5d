import { readEventPositions } from '../jetstream/consume/consumer-position.ts';
import { sequenceIn } from '../jetstream/events/event-position.ts';
import type { Log } from '../jetstream/log.ts';

/** How often the log is asked. */
const lookMs = 100;
/** So few wait in any worker that has much to do. */
const waitingMin = 256;
/** A second is what people notice; a redelivery stops long before. */
const waitMsMax = 100;

/**
 * Says whether the fresh events of a destination wait too long: by how many are not settled, and how
 * many were settled since the last look. The function rejects when the log cannot be reached.
 */
export function createFreshWatch(log: Log, destination: string): () => Promise<boolean> {
  let lookedAt = Number.NEGATIVE_INFINITY;
  let settled = 0;
  let isBehind = false;
  return async () => {
    const nowMs = performance.now();
    if (nowMs - lookedAt < lookMs) return isBehind;
    const positions = await readEventPositions(log, destination);
    let waiting = 0;
    let settledNow = 0;
    for (const one of positions) {
      waiting += one.waiting + one.inWork;
      settledNow += sequenceIn(one.deliveredUpTo) - one.inWork;
    }
    const perMs = (settledNow - settled) / (nowMs - lookedAt);
    isBehind = waiting > waitingMin && waiting > perMs * waitMsMax;
    settled = settledNow;
    lookedAt = nowMs;
    return isBehind;
  };
}
