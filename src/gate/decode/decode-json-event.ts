import type { IncomingEvent } from '../../event/incoming-event.ts';
import { escapePointer } from '../../event/json/json-pointer.ts';
import { isJsonObject, type JsonValue } from '../../event/json/json.ts';
import { readTime } from '../../event/time/time-text.ts';
import type { SentTexts } from './walk-body.ts';
import { addFault, createDraft, finishDraft, takesFaults, type EventDraft } from './event-draft.ts';
import {
  fieldHint,
  fieldsByName,
  reservedFields,
  snakeCase,
  type EventField,
  type NameStyle,
} from './event-fields.ts';

/**
 * Decodes one event from parsed JSON. Never throws: what is wrong is a fault of the event.
 *
 * `exact` is the same value from `parseExactly`, or undefined. `sentTexts` come from `walkBody`.
 */
export function decodeJsonEvent(
  value: JsonValue,
  exact: JsonValue | undefined,
  names: NameStyle,
  original: () => Uint8Array,
  sentTexts?: SentTexts,
): IncomingEvent {
  const draft = createDraft();
  draft.sentTexts = sentTexts;
  if (!isJsonObject(value)) {
    addFault(draft, 'invalid_field', '', 'type', 'An event must be a JSON object.');
    return finishDraft(draft, original);
  }
  const fields = fieldsByName[names];
  for (const name in value) {
    const field = fields.get(name);
    const member = value[name]!;
    if (field === undefined) {
      if (takesFaults(draft)) refuseField(draft, name);
    }
    // In ProtoJSON null means that the field was not sent; REST keeps to that.
    else if (member !== null) readField(draft, field, member);
  }
  if (isJsonObject(exact)) {
    draft.inexact = true;
    if (draft.properties !== undefined) draft.exactProperties = exact['properties'];
    const { context } = exact;
    if (draft.context !== undefined && isJsonObject(context)) draft.exactContext = context;
  }
  return finishDraft(draft, original);
}

/** An event that cannot be read at all: a line that is no JSON. */
export function unreadableEvent(message: string, original: () => Uint8Array): IncomingEvent {
  const draft = createDraft();
  addFault(draft, 'invalid_field', '', 'json', message);
  return finishDraft(draft, original);
}

function refuseField(draft: EventDraft, name: string): void {
  // A name of a megabyte means no field either.
  const shown = name.slice(0, 60);
  const path = `/${escapePointer(shown)}`;
  const reserved = snakeCase(shown);
  if (Object.hasOwn(reservedFields, reserved)) {
    addFault(draft, 'reserved_field', path, 'reserved', reservedFields[reserved]!);
  } else {
    addFault(
      draft,
      'unknown_field',
      path,
      'unknown',
      `There is no field "${shown}".${fieldHint(shown)}`,
    );
  }
}

function readField(draft: EventDraft, field: EventField, value: JsonValue): void {
  switch (field) {
    case 'event_name':
      draft.eventName = lastCopy(readString(draft, field, value));
      break;
    case 'user_id':
      draft.userId = readString(draft, field, value);
      break;
    case 'anonymous_id':
      draft.anonymousId = readString(draft, field, value);
      break;
    case 'idempotency_key':
      draft.idempotencyKey = readString(draft, field, value);
      break;
    case 'properties':
    case 'context':
      if (isJsonObject(value)) draft[field] = value;
      else addTypeFault(draft, field, 'an object', value);
      break;
    case 'properties_json':
      draft.propertiesJson = readString(draft, field, value);
      break;
    case 'occurred_at':
      readOccurredAt(draft, value);
      break;
    case 'schema_version':
      readSchemaVersion(draft, value);
      break;
  }
}

/** Names come again and again, and a name that was looked up before is found sooner: its hash is known. */
const namesMax = 256;
const nameLengthMax = 64;
const names: string[] = [];

/** The same text, where there is one as it came before. The table is bounded: another name takes its place. */
function lastCopy(name: string): string {
  const { length } = name;
  if (length === 0 || length > nameLengthMax) return name;
  const place =
    (length * 31 + name.charCodeAt(0) * 7 + name.charCodeAt(length - 1) * 131) % namesMax;
  if (names[place] === name) return names[place]!;
  names[place] = name;
  return name;
}

function readString(draft: EventDraft, field: EventField, value: JsonValue): string {
  if (typeof value === 'string') return value;
  addTypeFault(draft, field, 'a string', value);
  return '';
}

function addTypeFault(
  draft: EventDraft,
  field: EventField,
  expected: string,
  value: JsonValue,
): void {
  const actual = Array.isArray(value) ? 'an array' : `a JSON ${typeof value}`;
  addFault(
    draft,
    'invalid_field',
    `/${field}`,
    'type',
    `${field} must be ${expected}, not ${actual}.`,
  );
}

function readOccurredAt(draft: EventDraft, value: JsonValue): void {
  const time = typeof value === 'string' ? readTime(value) : undefined;
  if (time !== undefined) draft.occurredAt = time;
  else {
    addFault(
      draft,
      'invalid_field',
      '/occurred_at',
      'date-time',
      'occurred_at must be an RFC 3339 time such as 2026-03-01T12:00:00.000Z.',
    );
  }
}

/** ProtoJSON writes a whole number as a number or as a string. */
function readSchemaVersion(draft: EventDraft, value: JsonValue): void {
  const version = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  if (
    typeof version === 'number' &&
    Number.isInteger(version) &&
    version >= 0 &&
    version < 2 ** 32
  ) {
    draft.schemaVersion = version;
  } else {
    addFault(
      draft,
      'invalid_field',
      '/schema_version',
      'type',
      'schema_version must be a whole number from 0.',
    );
  }
}
