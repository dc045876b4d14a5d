import type { StoredEvent } from '../../event/stored-event.ts';
import type { Delivery } from '../destination.ts';
import { readEvent } from '../readable-event.ts';

/** What decides whether an event waits for a contract. */
type EventVersion = Pick<StoredEvent, 'eventName' | 'timestamp' | 'schemaVersion'>;

const text = '"[^"\\\\]*"';
/** What stands before the properties in the output of `encodeStoredEvent`. */
const head = new RegExp(
  String.raw`^\{"eventId":${text},"eventName":(${text}),"source":${text},"timestamp":(${text})` +
    String.raw`(?:,"(?:eventTime|userId|anonymousId|idempotencyKey)":${text})*(?:,"schemaVersion":(\d{1,9}))?,"properties":`,
);

const decoder = new TextDecoder();

/** The version of an event, which for most events is read without parsing the payload. Undefined if it is no event. */
export function readVersion(delivery: Delivery): EventVersion | undefined {
  const found = head.exec(decoder.decode(delivery.payload));
  if (found === null) {
    const event = readEvent(delivery);
    return typeof event === 'string' ? undefined : event;
  }
  const [, eventName = '', timestamp = '', version = '0'] = found;
  return {
    eventName: eventName.slice(1, -1),
    timestamp: timestamp.slice(1, -1),
    schemaVersion: Number(version),
  };
}
