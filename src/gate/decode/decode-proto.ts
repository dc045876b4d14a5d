import { ServiceError } from '../../errors.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import { defineMember } from '../../event/json/parse-json.ts';
import { seenInJson } from '../../event/stored-event.ts';
import { timeOfNanos } from '../../event/time/time-text.ts';
import { unreadableEvent } from './decode-json-event.ts';
import { checkBatchSize } from './decode-json.ts';
import {
  addFault,
  createDraft,
  type EventDraft,
  finishDraft,
  nestingMax,
  nestsDeeper,
} from './event-draft.ts';
import type { IncomingBatch } from './incoming-batch.ts';
import type { SentTexts } from './walk-body.ts';
import { WireError, WireReader, wireType } from './wire-reader.ts';

/*
 * Decodes TrackRequest and BatchTrackRequest from the wire straight into the plain objects that the
 * schema validates. Building protobuf-es messages of google.protobuf.Value and unwrapping them again
 * costs three times as much (docs/understand/hot-path.md); a differential test holds the two equal.
 *
 * The numbers are those of proto/headgate/v1; `tag` is (field number << 3) | wire type.
 */

const { varint, fixed64, bytes } = wireType;

/** Message levels: a Struct, its Value and the Struct within are three. Guards the stack. */
const recursionMax = 128;

/** Throws a ServiceError: `malformed_request` or `unknown_field`. */
export function decodeTrackProto(body: Buffer): IncomingEvent {
  return guarded(() => {
    const reader = new WireReader(body);
    const draft = createDraft();
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag !== ((1 << 3) | bytes)) throw unknownRequestField(tag, 'event');
      // A message field that comes twice is merged, as the encoding's specification says.
      const outerEnd = reader.enter();
      readEvent(reader, draft);
      reader.leave(outerEnd);
    }
    draft.sentTexts = seenTexts(reader, draft);
    return finishDraft(draft, () => body);
  });
}

/** Throws a ServiceError: `malformed_request`, `unknown_field`, `empty_batch`, `too_many_events`. */
export function decodeBatchProto(body: Buffer, batchEventsMax: number): IncomingBatch {
  return guarded(() => {
    const reader = new WireReader(body);
    const events: IncomingEvent[] = [];
    let count = 0;
    let context: JsonObject | undefined;
    let sentAt = '';
    let validateOnly = false;
    let historical = false;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      switch (tag) {
        case (1 << 3) | bytes: {
          const outerEnd = reader.enter();
          count += 1;
          // Beyond the limit they are only counted: the answer names how many there were.
          if (count <= batchEventsMax) events.push(readBatchEvent(reader, body));
          reader.leave(outerEnd);
          break;
        }
        case (2 << 3) | bytes:
          context = readStruct(reader, context ?? {}, 0);
          break;
        case (3 << 3) | bytes: {
          const time = readTimestamp(reader);
          if (time === undefined) throw new WireError('sent_at is not a time');
          sentAt = time;
          break;
        }
        case (4 << 3) | varint:
          validateOnly = reader.int64() !== 0n;
          break;
        case (5 << 3) | varint:
          historical = reader.int64() !== 0n;
          break;
        default:
          throw unknownRequestField(tag, 'events, context, sent_at, validate_only, historical');
      }
    }
    checkBatchSize(count, batchEventsMax);
    if (context !== undefined && nestsDeeper(context, nestingMax)) {
      throw new WireError(`context nests deeper than ${nestingMax} levels`);
    }
    return { events, context, sentAt, validateOnly, historical };
  });
}

/** Only the text of `properties_json` can have an escape, and only there an escape can say half of a pair. */
function seenTexts({ isAscii }: WireReader, { propertiesJson }: EventDraft): SentTexts {
  const hasEscape = propertiesJson.includes('\\');
  return {
    properties: undefined,
    context: undefined,
    seen: { ...seenInJson(hasEscape, isAscii), isPlain: false },
  };
}

function readBatchEvent(reader: WireReader, body: Buffer): IncomingEvent {
  const { position, end } = reader;
  const original = (): Uint8Array => body.subarray(position, end);
  const draft = createDraft();
  reader.isAscii = true;
  try {
    readEvent(reader, draft);
    draft.sentTexts = seenTexts(reader, draft);
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    // The bytes of the event are known, whatever is in them: the next one begins behind them.
    reader.end = end;
    return unreadableEvent(
      `The event is not protocol buffers of this contract: ${cause.message}.`,
      original,
    );
  }
  return finishDraft(draft, original);
}

function guarded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new ServiceError(
      'malformed_request',
      `The message is not protocol buffers of this contract: ${cause.message}.`,
      { cause },
    );
  }
}

function unknownRequestField(tag: number, known: string): ServiceError {
  return new ServiceError(
    'unknown_field',
    `The request has no field number ${tag >>> 3} of wire type ${tag & 7}. It takes ${known}.`,
  );
}

function readEvent(reader: WireReader, draft: EventDraft): void {
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case (1 << 3) | bytes:
        draft.eventName = reader.name();
        break;
      case (2 << 3) | bytes:
        draft.userId = reader.string();
        break;
      case (3 << 3) | bytes:
        draft.anonymousId = reader.string();
        break;
      case (4 << 3) | bytes:
        draft.idempotencyKey = reader.string();
        break;
      case (5 << 3) | bytes:
        draft.properties = readStruct(reader, draft.properties ?? {}, 0, draft);
        break;
      case (6 << 3) | bytes:
        draft.propertiesJson = reader.string();
        break;
      case (7 << 3) | bytes:
        draft.context = readStruct(reader, draft.context ?? {}, 0, draft);
        break;
      case (8 << 3) | bytes:
        readOccurredAt(reader, draft);
        break;
      case (9 << 3) | varint:
        draft.schemaVersion = reader.uint32();
        break;
      default:
        refuseField(reader, draft, tag);
    }
  }
}

function readOccurredAt(reader: WireReader, draft: EventDraft): void {
  const time = readTimestamp(reader);
  if (time !== undefined) draft.occurredAt = time;
  else addFault(draft, 'invalid_field', '/occurred_at', 'date-time', 'occurred_at must be a time.');
}

/** The numbers that event.proto reserves for what the server alone writes. */
const reservedNumbers = { first: 10, last: 15 };

function refuseField(reader: WireReader, draft: EventDraft, tag: number): void {
  const number = tag >>> 3;
  reader.skip(tag);
  const path = `/${number}`;
  if (number >= reservedNumbers.first && number <= reservedNumbers.last) {
    addFault(
      draft,
      'reserved_field',
      path,
      'reserved',
      `Field number ${number} is the server's to write; the producer's own clock belongs in occurred_at.`,
    );
  } else {
    addFault(
      draft,
      'unknown_field',
      path,
      'unknown',
      `There is no field number ${number} of wire type ${tag & 7}: was the client made from another event.proto?`,
    );
  }
}

/** google.protobuf.Timestamp in the form of `readTime`; undefined out of its range. */
function readTimestamp(reader: WireReader): string | undefined {
  const outerEnd = reader.enter();
  let seconds = 0n;
  let nanos = 0n;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === ((1 << 3) | varint)) seconds = reader.int64();
    else if (tag === ((2 << 3) | varint)) nanos = reader.int64();
    else reader.skip(tag);
  }
  reader.leave(outerEnd);
  if (nanos < 0n || nanos > 999_999_999n) return undefined;
  const belowMs = Number(nanos) % 1_000_000;
  return timeOfNanos(Number(seconds) * 1000 + (Number(nanos) - belowMs) / 1_000_000, belowMs);
}

/** google.protobuf.Struct into `target`: map<string, Value> fields = 1. */
function readStruct(
  reader: WireReader,
  target: JsonObject,
  depth: number,
  draft?: EventDraft,
): JsonObject {
  if (depth > recursionMax) throw new WireError('it nests too deep');
  const outerEnd = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag !== ((1 << 3) | bytes)) {
      reader.skip(tag);
      continue;
    }
    const entryEnd = reader.enter();
    let name = '';
    let value: JsonValue = null;
    for (let part = reader.tag(); part !== 0; part = reader.tag()) {
      if (part === ((1 << 3) | bytes)) name = reader.name();
      else if (part === ((2 << 3) | bytes)) value = readValue(reader, depth + 1, draft);
      else reader.skip(part);
    }
    if (name === '__proto__') defineMember(target, name, value);
    else target[name] = value;
    reader.leave(entryEnd);
  }
  reader.leave(outerEnd);
  return target;
}

/** google.protobuf.Value: a oneof, of which the last one counts. None set: null. */
function readValue(reader: WireReader, depth: number, draft: EventDraft | undefined): JsonValue {
  const outerEnd = reader.enter();
  let value: JsonValue = null;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case (1 << 3) | varint:
        reader.int64();
        value = null;
        break;
      case (2 << 3) | fixed64:
        value = reader.double();
        if (!Number.isFinite(value)) value = refuseNumber(draft);
        break;
      case (3 << 3) | bytes:
        value = reader.string();
        break;
      case (4 << 3) | varint:
        value = reader.int64() !== 0n;
        break;
      case (5 << 3) | bytes:
        value = readStruct(reader, {}, depth + 1, draft);
        break;
      case (6 << 3) | bytes:
        value = readList(reader, depth + 1, draft);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outerEnd);
  return value;
}

/** JSON has no NaN and no infinity: stored, they would become null. */
function refuseNumber(draft: EventDraft | undefined): JsonValue {
  if (draft === undefined)
    throw new WireError('context holds NaN or an infinity, which JSON has not');
  addFault(
    draft,
    'invalid_field',
    '/properties',
    'number',
    'A number is NaN or infinite, which JSON cannot say. Leave it out or send null.',
  );
  return null;
}

/** google.protobuf.ListValue: repeated Value values = 1. */
function readList(reader: WireReader, depth: number, draft: EventDraft | undefined): JsonValue[] {
  if (depth > recursionMax) throw new WireError('it nests too deep');
  const outerEnd = reader.enter();
  const values: JsonValue[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === ((1 << 3) | bytes)) values.push(readValue(reader, depth + 1, draft));
    else reader.skip(tag);
  }
  reader.leave(outerEnd);
  return values;
}
