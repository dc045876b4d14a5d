import type { Destination, Outcome } from '../destinations/destination.ts';
import type { HeldEvent } from './held-event.ts';

/** Why a call of `deliver` was cut short. */
export type CutShort = 'stopping' | 'timeout';

export interface BatchReport {
  /** One per event, whatever the destination did; undefined when the worker is stopping. */
  readonly outcomes: readonly Outcome[] | undefined;
  /** A fault of the destination's code, for the log. */
  readonly fault: unknown;
}

/**
 * Gives a batch to a destination and makes sure of one outcome per event: a throw, a wrong number
 * of outcomes and a call that outlasts its time count as `retry` of the whole batch with fault
 * `destination`. Never throws.
 *
 * `abort` ends the call with a `CutShort` as its reason. A destination that ignores its signal is
 * no longer waited for.
 */
export async function deliverBatch(
  destination: Destination,
  batch: readonly HeldEvent[],
  abort: AbortController,
): Promise<BatchReport> {
  const { signal } = abort;
  const aborted = new Promise<'aborted'>((resolve) => {
    if (signal.aborted) resolve('aborted');
    else signal.addEventListener('abort', () => resolve('aborted'), { once: true });
  });
  let outcomes: Outcome[] | 'aborted';
  try {
    outcomes = await Promise.race([destination.deliver(batch, signal), aborted]);
  } catch (error) {
    // A destination that throws because its signal was aborted does what it should.
    if (!signal.aborted) return { outcomes: retryAll(batch, reasonOf(error)), fault: error };
    outcomes = 'aborted';
  }
  if (outcomes === 'aborted') {
    if ((signal.reason as CutShort) === 'stopping')
      return { outcomes: undefined, fault: undefined };
    return {
      outcomes: retryAll(batch, 'the destination gave no outcome in time'),
      fault: undefined,
    };
  }
  if (!isComplete(outcomes, batch.length)) {
    const count = Array.isArray(outcomes) ? `${outcomes.length} outcomes` : 'no outcomes';
    const text = `the destination gave ${count} for ${batch.length} events`;
    return { outcomes: retryAll(batch, text), fault: new Error(text) };
  }
  return { outcomes, fault: undefined };
}

/** A destination is checked by its type, and by this where that was got round. */
function isComplete(outcomes: unknown, length: number): boolean {
  if (!Array.isArray(outcomes) || outcomes.length !== length) return false;
  for (let index = 0; index < length; index += 1) if (!outcomes[index]?.kind) return false;
  return true;
}

/** An event that cannot even be read is no longer a reason to try its neighbours in vain. */
function retryAll(batch: readonly HeldEvent[], reason: string): Outcome[] {
  return batch.map((held) =>
    held.undecodable === undefined
      ? { kind: 'retry', fault: 'destination', reason }
      : { kind: 'dead', reason: held.undecodable },
  );
}

function reasonOf(error: unknown): string {
  return `the destination failed: ${error instanceof Error ? error.message : String(error)}`;
}
