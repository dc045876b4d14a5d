import { decodeStoredEvent } from '../event/stored-event.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';

/** The fields of an event that the reconciliation needs. */
export interface EventHead {
  /** Empty if the payload is not a stored event. */
  readonly eventId: string;
  /** The server's timestamp, RFC 3339. */
  readonly timestamp: string;
}

const decoder = new TextDecoder('latin1');
/** An id, a name and a source have at most 36, 100 and 64 characters. */
const headBytes = 400;
/** The beginning of the output of `encodeStoredEvent`. */
const head =
  /^\{"eventId":"([0-9a-f-]{36})","eventName":"[^"\\]*","source":"[^"\\]*","timestamp":"([0-9T:.-]{23}Z)"/;

/** Parses only unusual payloads: millions are read, and the needed fields come first. */
export function readHead(message: StoredMessage): EventHead {
  const found = head.exec(decoder.decode(message.payload.subarray(0, headBytes)));
  if (found !== null) return { eventId: found[1]!, timestamp: found[2]! };
  const storedAt = new Date(message.storedAtMs).toISOString();
  try {
    const { eventId, timestamp } = decodeStoredEvent(message.payload);
    const isTime = Number.isFinite(Date.parse(timestamp));
    return { eventId, timestamp: isTime ? new Date(timestamp).toISOString() : storedAt };
  } catch {
    return { eventId: '', timestamp: storedAt };
  }
}

/** `2026-03-01T12:00:00.000Z`: when the hour of a time began. */
export function hourOf(timestamp: string): string {
  return `${timestamp.slice(0, 13)}:00:00.000Z`;
}
