import { ServiceError } from '../../errors.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import {
  decodeStoredEvent,
  encodeRequestPart,
  encodeStoredEvent,
  type StoredEvent,
} from '../../event/stored-event.ts';
import { notText, tooLarge, type AcceptOptions } from './accept-events.ts';
import { decodeTrackRest } from '../decode/decode-json.ts';
import { editedText, type MemberEdit } from './edit-event.ts';
import { parseExactly } from '../decode/exact-json.ts';

/** Of the stored event, what a producer had sent: ProtoJSON's name and the contract's. */
const editableFields = [
  ['eventName', 'event_name'],
  ['userId', 'user_id'],
  ['anonymousId', 'anonymous_id'],
  ['idempotencyKey', 'idempotency_key'],
  ['occurredAt', 'occurred_at'],
  ['schemaVersion', 'schema_version'],
  ['properties', 'properties'],
  ['context', 'context'],
] as const;

/**
 * Lets a stored event be fixed by hand: shows it as it could be sent again, and validates what came of
 * it by the very decoder, rules and limits of the doors. What the server added stays as it is.
 */
export function createEventFixer({
  validate,
  eventBytesMax,
}: Pick<AcceptOptions, 'validate' | 'eventBytesMax'>) {
  /** `eventJson` empty: the event as it is. Throws `invalid_edit`. */
  const fix = (
    stored: string,
    { eventJson, edits }: { readonly eventJson: string; readonly edits: readonly MemberEdit[] },
  ): string => {
    const former = readStored(stored);
    if (Buffer.byteLength(eventJson) > eventBytesMax) {
      refuse(`The event has more than ${eventBytesMax} bytes (limits.event_bytes_max).`);
    }
    const whole = eventJson === '' ? JSON.stringify(editableOf(stored)) : eventJson;
    const sent = decode(editedText(whole, edits));
    if (sent.eventName !== former.eventName || sent.idempotencyKey !== former.idempotencyKey) {
      refuse(
        'event_name and idempotency_key stay: the event was counted and stored under them. ' +
          'Discard this one and send a new event instead.',
      );
    }
    const { error, warnings, schemaVersion, event = sent } = validate(sent);
    if (error !== undefined) refuseEvent(error.message, error.violations);
    const { eventId, source, correlationId = '', traceparent = '', sentAt = '' } = former;
    const timestampMs = Date.parse(former.timestamp);
    const requestPart = encodeRequestPart({ correlationId, traceparent, sentAt });
    const kept = { eventId, source, timestampMs, requestPart };
    const payload = encodeStoredEvent(event, { ...kept, schemaVersion, warnings });
    const fault = tooLarge(payload, eventBytesMax) ?? notText(payload);
    if (fault !== undefined) refuseEvent(fault.message, []);
    return payload;
  };
  return {
    fix,
    /** Undefined: it cannot be read as an event. */
    editable: (stored: string): string | undefined => {
      try {
        return JSON.stringify(editableOf(stored), undefined, 2);
      } catch {
        return undefined;
      }
    },
  };
}

function readStored(stored: string): StoredEvent {
  try {
    return decodeStoredEvent(stored);
  } catch {
    return refuse('What is stored is no event: discard it, or replay it as it is.');
  }
}

/** With the numbers of the text, where a double would change them. */
function editableOf(stored: string): JsonObject {
  decodeStoredEvent(stored);
  const value = (parseExactly(stored) ?? parseJsonText(stored)) as Record<string, JsonValue>;
  const event: JsonObject = {};
  for (const [name, contractName] of editableFields) {
    if (value[name] !== undefined) event[contractName] = value[name];
  }
  return event;
}

function decode(text: string): IncomingEvent {
  try {
    return decodeTrackRest(Buffer.from(text));
  } catch (error) {
    if (error instanceof ServiceError) refuse(error.message);
    throw error;
  }
}

function refuseEvent(
  message: string,
  violations: readonly { readonly path: string; readonly message: string }[],
): never {
  const places = violations.map((each) => `${each.path}: ${each.message}`);
  refuse([`The fixed event breaks its contract: ${message}`, ...places].join('; '));
}

function refuse(message: string): never {
  throw new ServiceError('invalid_edit', message);
}
