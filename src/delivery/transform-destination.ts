import type { Delivery, Destination, Outcome } from '../destinations/destination.ts';
import { decodeStoredEvent, type StoredEvent } from '../event/stored-event.ts';
import { originHeader } from '../jetstream/consume/delayed-copies.ts';
import type { Signals } from '../observability/signals.ts';
import type { Transformer } from '../transform/transformer.ts';
import type { HeldEvent } from './held-event.ts';

/** What became of an event of a batch: what the destination said, or that its transform filtered it. */
export type BatchOutcome = Outcome | { readonly kind: 'filtered' };

/** Delivers events of this worker. */
export interface BatchReceiver {
  deliver(batch: readonly HeldEvent[], signal: AbortSignal): Promise<BatchOutcome[]>;
}

export interface TransformParts {
  readonly name: string;
  readonly destination: Pick<Destination, 'deliver' | 'stored'>;
  readonly transformer: Pick<Transformer, 'run'>;
  readonly signals: Pick<Signals, 'eventsTransformed'>;
  /** Records what was filtered, durably. Positions in EVENTS. */
  readonly recordFiltered: (positions: readonly number[]) => Promise<void>;
}

/**
 * A destination behind its transform. An event on which the transform fails is a dead letter with
 * the reason; one that it filters is recorded, and then settled.
 */
export function transformedDestination(parts: TransformParts): BatchReceiver {
  const { name, destination, transformer, signals, recordFiltered } = parts;
  const canBeAsked = destination.stored !== undefined;
  return {
    deliver: async (batch, signal) => {
      const results = await transformer.run(batch.map(({ payload }) => payload));
      const outcomes: BatchOutcome[] = [];
      const leaving: { readonly index: number; readonly delivery: Delivery }[] = [];
      const filtered: number[] = [];
      const counts = { changed: 0, unchanged: 0, filtered: 0, failed: 0 };
      for (const [index, held] of batch.entries()) {
        const result = results[index]!;
        counts[result.kind] += 1;
        if (result.kind === 'failed') outcomes[index] = { kind: 'dead', reason: result.reason };
        else if (result.kind === 'filtered') {
          outcomes[index] = { kind: 'filtered' };
          // Of one that was delivered before and cannot be asked about, that it was delivered stays true.
          if (!held.isRedelivered || canBeAsked) filtered.push(originOf(held));
        } else {
          const payload = result.kind === 'changed' ? result.payload : undefined;
          leaving.push({ index, delivery: withPayload(held, payload) });
        }
      }
      signals.eventsTransformed(name, counts);
      if (filtered.length > 0) await recordFiltered(filtered);
      if (leaving.length === 0) return outcomes;
      const delivered = await destination.deliver(
        leaving.map(({ delivery }) => delivery),
        signal,
      );
      // A wrong number of outcomes stays one, and is reported as such.
      if (!Array.isArray(delivered) || delivered.length !== leaving.length) return delivered;
      for (const [at, { index }] of leaving.entries()) outcomes[index] = delivered[at]!;
      return outcomes;
    },
  };
}

/** The position in EVENTS of an event, which may be delivered from another stream. */
function originOf({ message, stream }: HeldEvent): number {
  return stream === 'EVENTS' ? message.sequence : Number(message.header(originHeader));
}

function withPayload(held: HeldEvent, payload: Uint8Array | undefined): Delivery {
  if (payload === undefined) return held;
  let decoded: StoredEvent | undefined;
  return {
    sequence: held.sequence,
    attempt: held.attempt,
    payload,
    event: () => (decoded ??= decodeStoredEvent(payload)),
  };
}
