import { eventNameOf, sourceOf } from '../event/delivery-attempt.ts';
import { decodeStoredEvent, type StoredEvent } from '../event/stored-event.ts';
import type { EventError, EventWarning } from '../event/verdict.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';
import { readEntry } from '../quarantine/rejected-entry.ts';

/** An event as the log keeps it. */
export interface TailedEvent {
  readonly status: 'accepted' | 'rejected';
  /** Its position in EVENTS or REJECTED. */
  readonly sequence: number;
  readonly receivedAtMs: number;
  readonly source: string;
  readonly eventName: string;
  readonly idempotencyKey: string;
  readonly correlationId: string;
  /** Empty for a rejected event. */
  readonly eventId: string;
  /** 0 for a rejected event. */
  readonly schemaVersion: number;
  readonly warnings: readonly EventWarning[];
  /** Undefined for an accepted event. */
  readonly error: EventError | undefined;
  /** The stored JSON. For a rejected event the original text, cut at `rejectedTextBytesMax`. */
  readonly eventJson: string;
}

/** A rejected entry may be a whole batch that could not be parsed. */
export const rejectedTextBytesMax = 64 * 1024;

const decoder = new TextDecoder();

/** Reads a message of EVENTS. */
export function readAccepted(message: StoredMessage): TailedEvent {
  const text = decoder.decode(message.payload);
  const stored = readStored(text);
  return {
    status: 'accepted',
    sequence: message.sequence,
    receivedAtMs: Date.parse(stored?.timestamp ?? '') || message.storedAtMs,
    source: sourceOf(message.subject),
    eventName: eventNameOf(message.subject),
    idempotencyKey: stored?.idempotencyKey ?? '',
    correlationId: stored?.correlationId ?? '',
    eventId: stored?.eventId ?? '',
    schemaVersion: stored?.schemaVersion ?? 0,
    warnings: stored?.warnings ?? [],
    error: undefined,
    eventJson: text,
  };
}

/** Undefined if the text is no stored event: another program may have written to the stream. */
function readStored(text: string): StoredEvent | undefined {
  try {
    return decodeStoredEvent(text);
  } catch {
    return undefined;
  }
}

/** Reads a message of REJECTED. */
export function readRejected(message: StoredMessage): TailedEvent {
  const { sequence, receivedAtMs, source, eventName, idempotencyKey, correlationId, ...entry } =
    readEntry(message);
  return {
    status: 'rejected',
    sequence,
    receivedAtMs,
    source,
    eventName,
    idempotencyKey,
    correlationId,
    eventId: '',
    schemaVersion: 0,
    warnings: [],
    error: entry.error,
    eventJson: decoder.decode(entry.bytes.subarray(0, rejectedTextBytesMax)),
  };
}
