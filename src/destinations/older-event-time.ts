import { decodeStoredEvent, readEventTime } from '../event/stored-event.ts';

/** The beginning of the output of `encodeStoredEvent`. */
const head =
  /^\{"eventId":"[^"\\]*","eventName":"[^"\\]*","source":"[^"\\]*","timestamp":"[^"\\]*","eventTime":"/;

/**
 * The time of an event for a table whose database parses the payload itself: null if the payload has it
 * where the gate writes it, so that only events of earlier versions are parsed here.
 */
export function olderEventTime(payload: string): string | null {
  if (head.test(payload)) return null;
  try {
    const time = readEventTime(decodeStoredEvent(payload));
    return Number.isNaN(Date.parse(time)) ? null : time;
  } catch {
    // The database refuses it, and says why.
    return null;
  }
}
