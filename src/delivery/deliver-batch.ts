import type { HeldEvent } from './held-event.ts';
import type { BatchOutcome, BatchReceiver } from './transform-destination.ts';

/** Why a call of `deliver` was cut short. */
export type CutShort = 'stopping' | 'timeout';

export interface BatchReport {
  /** One per event, whatever the destination did; undefined if the worker is stopping. */
  readonly outcomes: readonly BatchOutcome[] | undefined;
  /** An error in the destination's code, to be logged. */
  readonly fault: unknown;
}

/**
 * Gives a batch to a destination and ensures one outcome per event. A throw, a wrong number of
 * outcomes and a timeout count as `retry` of the whole batch with fault `destination`. Never
 * throws.
 *
 * `abort` ends the call with a `CutShort` as its reason, even if the destination ignores its
 * signal.
 */
export async function deliverBatch(
  destination: BatchReceiver,
  batch: readonly HeldEvent[],
  abort: AbortController,
): Promise<BatchReport> {
  const { signal } = abort;
  let outcomes: BatchOutcome[] | 'aborted';
  try {
    outcomes = await new Promise((resolve, reject) => {
      if (signal.aborted) resolve('aborted');
      else signal.addEventListener('abort', () => resolve('aborted'), { once: true });
      destination.deliver(batch, signal).then(resolve, reject);
    });
  } catch (error) {
    // A throw after an abort is correct behaviour.
    if (!signal.aborted) return { outcomes: retryAll(batch, reasonOf(error)), fault: error };
    outcomes = 'aborted';
  }
  if (outcomes === 'aborted') {
    if ((signal.reason as CutShort) === 'stopping')
      return { outcomes: undefined, fault: undefined };
    return {
      outcomes: retryAll(batch, 'the destination returned no outcome in time'),
      fault: undefined,
    };
  }
  if (!isComplete(outcomes, batch.length)) {
    const count = Array.isArray(outcomes) ? `${outcomes.length} outcomes` : 'no outcomes';
    const text = `the destination returned ${count} for ${batch.length} events`;
    return { outcomes: retryAll(batch, text), fault: new Error(text) };
  }
  return { outcomes, fault: undefined };
}

/** Checks at run time what the type promises; plain JavaScript destinations can break it. */
function isComplete(outcomes: unknown, length: number): boolean {
  if (!Array.isArray(outcomes) || outcomes.length !== length) return false;
  for (let index = 0; index < length; index += 1) if (!outcomes[index]?.kind) return false;
  return true;
}

/** An unreadable event is dead at once, so that it does not make its batch fail again. */
function retryAll(batch: readonly HeldEvent[], reason: string): BatchOutcome[] {
  return batch.map((held) =>
    held.undecodable === undefined
      ? { kind: 'retry', fault: 'destination', reason }
      : { kind: 'dead', reason: held.undecodable },
  );
}

function reasonOf(error: unknown): string {
  return `the destination failed: ${error instanceof Error ? error.message : String(error)}`;
}
