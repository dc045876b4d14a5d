import { ServiceError } from '../../errors.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import { decodeStoredEvent } from '../../event/stored-event.ts';
import { decodeTrackRest } from '../../gate/decode/decode-json.ts';

/** A stored event as it was sent, except for the version: a candidate is tried on every event. */
export function triedStored(storedJson: Uint8Array): IncomingEvent {
  const stored = decodeStoredEvent(storedJson);
  return {
    eventName: stored.eventName,
    userId: stored.userId ?? '',
    anonymousId: stored.anonymousId ?? '',
    idempotencyKey: stored.idempotencyKey,
    properties: stored.properties ?? {},
    propertiesText: undefined,
    context: stored.context,
    occurredAt: stored.occurredAt ?? '',
    schemaVersion: 0,
    vendorCall: undefined,
    clock: undefined,
    fault: undefined,
    original: () => storedJson,
  };
}

/** A rejected event in the form of POST /v1/track, likewise. Undefined if it cannot be read. */
export function triedRejected(text: string): IncomingEvent | undefined {
  try {
    return { ...decodeTrackRest(Buffer.from(text)), schemaVersion: 0 };
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}
