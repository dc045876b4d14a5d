import type { StoredEvent } from '../event/stored-event.ts';
import type { Delivery } from './destination.ts';
import { cutPayload } from './payload-members.ts';

/** Ids go into headers and signed content, where a dot or a line break would be ambiguous. */
const idForm = /^[\w-]+$/;

/** The event of a delivery, or the reason why it cannot be read. Never throws, and quotes no data. */
export function readEvent(delivery: Delivery): StoredEvent | string {
  try {
    const event = delivery.event();
    if (!idForm.test(event.eventId)) return 'not a stored event: its eventId is not an id';
    if (typeof event.eventName !== 'string' || typeof event.timestamp !== 'string') {
      return 'not a stored event: it has no eventName or no timestamp';
    }
    return event;
  } catch (error) {
    // V8 quotes the text around the error, which may be personal data.
    const text = error instanceof SyntaxError ? 'not JSON' : String(error);
    return `the payload is not a stored event: ${text}`;
  }
}

/** What a request says about its event besides the payload. */
type SentMembers = Pick<
  StoredEvent,
  'eventId' | 'eventName' | 'timestamp' | 'traceparent' | 'correlationId'
>;

const decoder = new TextDecoder();

/** As `readEvent`, and for most events without making values of the whole payload. */
export function readEventHead(delivery: Delivery): SentMembers | string {
  const event = cutPayload(decoder.decode(delivery.payload));
  const { eventId = '', eventName = '', timestamp = '' } = event ?? {};
  return event !== undefined && idForm.test(eventId) && eventName !== '' && timestamp !== ''
    ? event
    : readEvent(delivery);
}
