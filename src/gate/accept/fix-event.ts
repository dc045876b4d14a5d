import { ServiceError } from '../../errors.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import {
  decodeStoredEvent,
  encodeRequestPart,
  isHistorical,
  readEventTime,
  type StoredEvent,
} from '../../event/stored-event.ts';
import { requestClock } from '../../event/time/event-time.ts';
import type { EventError } from '../../event/verdict.ts';
import { decodeTrackRest } from '../decode/decode-json.ts';
import { parseExactly } from '../../event/exact-numbers.ts';
import { decideEvent, type DecisionRules, type ValidateEvent } from './decide-event.ts';
import { editedText, type MemberEdit } from './edit-event.ts';

/** The fields of a stored event that a producer sent: ProtoJSON's name and the contract's. */
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

export interface FixOptions {
  readonly validate: ValidateEvent;
  readonly eventBytesMax: number;
}

/**
 * Lets a person fix a stored event: shows it as it could be sent again, and decides about the fixed one
 * by the decoder, rules and limits of the endpoints. What the server added stays as it is.
 */
export function createEventFixer({ validate, eventBytesMax }: FixOptions) {
  /** `eventJson` empty: the event as it is. Throws `invalid_edit`. */
  const fix = (
    stored: string,
    { eventJson, edits }: { readonly eventJson: string; readonly edits: readonly MemberEdit[] },
  ): string => {
    const former = readEvent(stored);
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
    // Its time stays, unless the person changed what it comes from.
    const isSameTime = sent.occurredAt === (former.occurredAt ?? '');
    const eventTime = isSameTime ? readEventTime(former) : undefined;
    const rules = { ...requestOf(former), eventTime, validate, eventBytesMax };
    const fixed = { ...sent, vendorCall: former.vendorCall };
    const { verdict, event, payload } = decideEvent(rules, fixed, 0, former.eventId);
    if (verdict.error !== undefined) refuseEvent(verdict.error);
    if (event.eventName !== former.eventName) {
      refuse(
        `${former.eventName} is now an alias of ${event.eventName}: discard this one and send a new event.`,
      );
    }
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

/** The request that a stored event came with. Its write key allowed the name, which stays. */
function requestOf(former: StoredEvent): Omit<DecisionRules, 'validate' | 'eventBytesMax'> {
  const { source, timestamp, correlationId = '', traceparent = '', sentAt = '' } = former;
  const { historical } = former;
  const timestampMs = Date.parse(timestamp);
  return {
    producer: { source, maySend: () => true, isCanary: false },
    // It is under its own name already.
    nameSent: (event) => event,
    timestampMs,
    clock: requestClock(timestamp, timestampMs, sentAt, isHistorical(former)),
    requestPart: encodeRequestPart({ correlationId, traceparent, sentAt, historical }),
    // It is in the event's own context by now.
    batchContext: undefined,
  };
}

function readEvent(stored: string): StoredEvent {
  try {
    return decodeStoredEvent(stored);
  } catch {
    return refuse('What is stored is no event: discard it, or replay it as it is.');
  }
}

/** Its numbers are those of the text, where a double would change them. */
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

function refuseEvent({ message, violations }: EventError): never {
  // A violation of the event as a whole has no path, and says what the message says.
  const fields = violations.filter(({ path }) => path !== '');
  const places = fields.map((each) => `${each.path}: ${each.message}`);
  refuse([`The fixed event breaks its contract: ${message}`, ...places].join('; '));
}

function refuse(message: string): never {
  throw new ServiceError('invalid_edit', message);
}
