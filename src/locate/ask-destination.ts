import { setTimeout as sleep } from 'node:timers/promises';

import type { Destination, EventAtDestination } from '../destinations/destination.ts';

/** How long a destination may take to answer. */
const answerTimeoutMs = 5_000;
/** How many events of one millisecond are compared. */
const eventsMax = 50_000;

/** What a destination says about an event. */
export interface HeldAtDestination {
  readonly held: boolean;
  /** When it stored the event, by its own clock: a Unix time in ms. Undefined if it does not say. */
  readonly deliveredAtMs?: number;
}

/** Whether a destination holds an event. Undefined if it did not answer. Never rejects. */
export async function askDestination(
  stored: NonNullable<Destination['stored']>,
  { eventId, timestampMs }: { readonly eventId: string; readonly timestampMs: number },
): Promise<HeldAtDestination | undefined> {
  const stop = new AbortController();
  const timeout = sleep(answerTimeoutMs, undefined, { signal: stop.signal, ref: false }).catch(
    () => undefined,
  );
  const search = async (): Promise<HeldAtDestination | undefined> => {
    let seen = 0;
    const window = { fromMs: timestampMs, toMs: timestampMs + 1, withDeliveryTime: true };
    for await (const found of stored(window)) {
      if (found.eventId === eventId) return heldOf(found);
      seen += 1;
      if (stop.signal.aborted || seen >= eventsMax) return undefined;
    }
    return { held: false };
  };
  try {
    return await Promise.race([search(), timeout]);
  } catch {
    return undefined;
  } finally {
    stop.abort();
  }
}

function heldOf({ deliveredAt }: EventAtDestination): HeldAtDestination {
  const deliveredAtMs = deliveredAt === undefined ? Number.NaN : Date.parse(deliveredAt);
  return { held: true, ...(!Number.isNaN(deliveredAtMs) && { deliveredAtMs }) };
}
