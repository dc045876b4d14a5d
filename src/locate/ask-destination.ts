import { setTimeout as sleep } from 'node:timers/promises';

import type { Destination } from '../destinations/destination.ts';

/** How long a destination may take to answer. */
const answerTimeoutMs = 5_000;
/** How many events of one millisecond are compared. */
const eventsMax = 50_000;

/** Whether a destination holds an event. Undefined if it did not answer. Never rejects. */
export async function askDestination(
  stored: NonNullable<Destination['stored']>,
  { eventId, timestampMs }: { readonly eventId: string; readonly timestampMs: number },
): Promise<boolean | undefined> {
  const stop = new AbortController();
  const timeout = sleep(answerTimeoutMs, undefined, { signal: stop.signal, ref: false }).catch(
    () => undefined,
  );
  const search = async (): Promise<boolean | undefined> => {
    let seen = 0;
    for await (const held of stored({ fromMs: timestampMs, toMs: timestampMs + 1 })) {
      if (held.eventId === eventId) return true;
      seen += 1;
      if (stop.signal.aborted || seen >= eventsMax) return undefined;
    }
    return false;
  };
  try {
    return await Promise.race([search(), timeout]);
  } catch {
    return undefined;
  } finally {
    stop.abort();
  }
}
