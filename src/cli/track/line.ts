import { isUtf8 } from 'node:buffer';

import { fromJson, type MessageInitShape } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';

import type { EventSchema } from '../../../gen/headgate/v1/event_pb.ts';
import type { ErrorCode } from '../../errors.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonValue } from '../../event/json/json.ts';
import type { EventError } from '../../event/verdict.ts';
import { decodeJsonEvent, unreadableEvent } from '../../gate/decode/decode-json-event.ts';
import { parseJson } from '../../gate/decode/parse-body.ts';
import { findInexactNumber } from './inexact-number.ts';
import { jsonMembers, type JsonMembers } from './json-members.ts';
import { makeKey } from './make-key.ts';
import type { Line } from '../read-lines.ts';

/** The event of a line, ready to be sent. */
export interface LineEvent {
  readonly line: Line;
  readonly idempotencyKey: string;
  readonly message: MessageInitShape<typeof EventSchema>;
}

/** A line that cannot be sent without loss or change. */
export interface RefusedLine {
  readonly line: Line;
  readonly idempotencyKey: string;
  readonly error: EventError;
}

/**
 * The longest line. An event may be stored with 8 MiB at most, whatever a gate is set to; the rest
 * is room for escapes and white space.
 */
export const lineBytesMax = 16 * 1024 * 1024;

/**
 * Reads a line in the form of `POST /v1/track`. The gate's own decoder reports problems in its
 * words, because an unknown field would be lost in the message before the gate could refuse it.
 */
export function readTrackLine(line: Line, makesKeys: boolean): LineEvent | RefusedLine {
  const refuse = (error: EventError, idempotencyKey = ''): RefusedLine => ({
    line,
    idempotencyKey,
    error,
  });
  if (line.isTooLong) return refuse(tooLong);
  if (!isUtf8(line.bytes)) return refuse(unreadable('The line is not UTF-8. Convert the file.'));
  const text = line.bytes.toString('utf8');
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch (error) {
    return refuse(unreadable((error as Error).message.replace('The body', 'The line')));
  }
  const event = decodeJsonEvent(value, undefined, 'rest', () => line.bytes);
  if (event.fault !== undefined) return refuse(event.fault, event.idempotencyKey);
  const members = jsonMembers(text);
  const fault = findLoss(text, event, members);
  if (fault !== undefined) return refuse(fault, event.idempotencyKey);
  const idempotencyKey =
    event.idempotencyKey === '' && makesKeys
      ? makeKey(line.number, line.bytes)
      : event.idempotencyKey;
  if (idempotencyKey === '') return refuse(missingKey);
  return { line, idempotencyKey, message: messageOf(event, members, idempotencyKey) };
}

function messageOf(
  event: IncomingEvent,
  { texts }: JsonMembers,
  idempotencyKey: string,
): LineEvent['message'] {
  const { eventName, userId, anonymousId, context, occurredAt, schemaVersion } = event;
  // The text in the line, not the parsed object, because a Struct has only doubles.
  const written = texts.get('properties') ?? 'null';
  const quoted = texts.get('properties_json') ?? 'null';
  const propertiesText = written === 'null' ? (JSON.parse(quoted) as string | null) : written;
  return {
    eventName,
    userId,
    anonymousId,
    idempotencyKey,
    propertiesJson: propertiesText ?? '',
    ...(context !== undefined && { context }),
    ...(occurredAt !== '' && { occurredAt: fromJson(TimestampSchema, occurredAt) }),
    schemaVersion,
  };
}

/** Finds JSON that the message cannot represent. */
function findLoss(
  text: string,
  event: IncomingEvent,
  members: JsonMembers,
): EventError | undefined {
  if (members.repeated !== undefined) {
    const name = members.repeated;
    return invalid(`/${name}`, 'repeated', `The field "${name}" stands twice. Leave one of them.`);
  }
  const context = members.texts.get('context');
  const number = context === undefined ? undefined : findInexactNumber(context);
  if (number !== undefined) {
    return invalid(
      '/context',
      'number',
      `context holds ${number.slice(0, 40)}, which a double would change. ` +
        'Send it as a string, or in properties.',
    );
  }
  // An escaped half of a surrogate pair, which would become U+FFFD in a message.
  if (/\\u[dD][89a-fA-F]/.test(text)) {
    const { eventName, userId, anonymousId, idempotencyKey } = event;
    const texts = [eventName, userId, anonymousId, idempotencyKey, textOf(event.context)];
    if (!texts.every((each) => each.isWellFormed())) {
      const message = 'A text holds half of a surrogate pair. Write the whole character.';
      return invalid('', 'unicode', message);
    }
  }
  return undefined;
}

/** Every name and text of a value. `JSON.stringify` would escape half surrogate pairs. */
function textOf(value: JsonValue | undefined): string {
  if (typeof value === 'string') return `${value} `;
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value)
    .map(([name, member]) => `${name} ${textOf(member)}`)
    .join('');
}

function invalid(path: string, rule: string, message: string): EventError {
  return error('invalid_field', `A field of the event cannot be carried. ${message}`, [
    { path, code: rule, message },
  ]);
}

function unreadable(message: string): EventError {
  return unreadableEvent(message, () => new Uint8Array()).fault!;
}

function error(
  code: ErrorCode,
  message: string,
  violations: EventError['violations'] = [],
): EventError {
  return { code, message, violations };
}

const tooLong = error(
  'event_too_large',
  `The line is longer than ${lineBytesMax} bytes. ` +
    'Put large content elsewhere and send its address.',
);

const missingKey = error(
  'missing_idempotency_key',
  'idempotency_key is missing. Write a UUID made once for the event into the line, or let ' +
    '--make-keys derive one from the number and content of the line.',
);
