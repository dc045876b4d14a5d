import { code, indented, joined, type Code } from './encode/code.ts';
import {
  dottedName,
  identifier,
  wholeNumber,
  type NameTable,
  wordsOfEvent,
} from './encode/names.ts';
import { pythonComment, pythonDocstring, pythonLiteral } from './encode/python-text.ts';
import {
  allOptional,
  type ModelEvent,
  type ModelMember,
  type ModelObject,
  type ModelType,
} from './type-model.ts';

export const pythonKeywords = [
  'False',
  'None',
  'True',
  'and',
  'as',
  'assert',
  'async',
  'await',
  'break',
  'class',
  'continue',
  'def',
  'del',
  'elif',
  'else',
  'except',
  'finally',
  'for',
  'from',
  'global',
  'if',
  'import',
  'in',
  'is',
  'lambda',
  'nonlocal',
  'not',
  'or',
  'pass',
  'raise',
  'return',
  'try',
  'while',
  'with',
  'yield',
];
export const pythonReserved = [
  'Answer',
  'Any',
  'Callable',
  'Literal',
  'Mapping',
  'NotRequired',
  'Required',
  'SCHEMA_VERSIONS',
  'Sequence',
  'TypedDict',
  'TypeVar',
  'Union',
  'datetime',
  'event_message',
  'event_pb2',
  'idempotency_key',
  'json',
  'secrets',
  'time',
  'track_service_pb2',
  'uuid',
];

export interface PythonOptions {
  /** The package of the code that protoc generated from proto/headgate/v1. */
  readonly protoImport: string;
}

/** One module: a TypedDict for each type, a function for each event. For Python 3.11 and later. */
export function pythonFile(
  header: Code,
  events: readonly ModelEvent[],
  names: NameTable,
  { protoImport }: PythonOptions,
): Code {
  const versions = events.map(
    ({ eventName, schemaVersion }) =>
      code`${pythonLiteral(eventName)}: ${wholeNumber(schemaVersion)},\n`,
  );
  const parts = [
    code`# ${header}`,
    runtimeOf(dottedName(protoImport)),
    code`# The schema version of each type.\nSCHEMA_VERSIONS = {\n${indented(joined(versions, ''), '    ')}}`,
    ...events.map((event) => eventText(event, names)),
  ];
  return code`${joined(parts, '\n\n\n')}\n`;
}

const runtimeOf = (protoImport: Code): Code => code`from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NotRequired, Required, TypedDict, TypeVar, Union

from ${protoImport} import event_pb2, track_service_pb2

Answer = TypeVar("Answer")


def idempotency_key() -> str:
    """A UUIDv7: the time in milliseconds, then random bits."""
    bits = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    bits = bits & ~(0xF << 76) | 0x7 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=bits))


def event_message(
    event_name: str,
    schema_version: int,
    properties: Mapping[str, Any],
    user_id: str,
    anonymous_id: str,
    key: str | None,
    context: Mapping[str, Any] | None,
    occurred_at: datetime | None,
) -> event_pb2.Event:
    event = event_pb2.Event(
        event_name=event_name,
        user_id=user_id,
        anonymous_id=anonymous_id,
        idempotency_key=idempotency_key() if key is None else key,
        properties_json=json.dumps(properties, allow_nan=False),
        schema_version=schema_version,
    )
    if context is not None:
        event.context.update(dict(context))
    if occurred_at is not None:
        event.occurred_at.FromDatetime(occurred_at)
    return event`;

/** The arguments of every function beside the properties. */
const envelope = code`*,
user_id: str = "",
anonymous_id: str = "",
key: str | None = None,
context: Mapping[str, Any] | None = None,
occurred_at: datetime | None = None,
`;

function eventText(event: ModelEvent, names: NameTable): Code {
  const { eventName, schemaVersion, objects, description, owner } = event;
  const track = names.take(wordsOfEvent(eventName), `The event ${eventName}`);
  const build = names.take(`${wordsOfEvent(eventName)}_event`, `The event ${eventName}`);
  const type = identifier(objects[0]!.name);
  const story = [description, `Version ${schemaVersion}, of ${owner}.`];
  const usual = allOptional(event) ? code` = {}` : code``;
  const parameters = code`properties: ${type}${usual},\n${envelope}`;
  const send = code`send: Callable[[track_service_pb2.TrackRequest], Answer],\n`;
  return joined(
    [
      // Types come before the types that use them: Python evaluates a module from top to bottom.
      ...objects
        .toReversed()
        .map((object) => objectText(object, object === objects[0] ? story : object.notes)),
      code`def ${build}(
${indented(parameters, '    ')}) -> event_pb2.Event:
    """Builds the event without sending it. Send it with Track or BatchTrack; retries reuse its key."""
    return event_message(
        ${pythonLiteral(eventName)}, ${wholeNumber(schemaVersion)}, properties, user_id, anonymous_id, key, context, occurred_at
    )`,
      code`def ${track}(
${indented(code`${send}${parameters}`, '    ')}) -> Answer:
    ${pythonDocstring(story)}
    event = ${build}(
        properties,
        user_id=user_id,
        anonymous_id=anonymous_id,
        key=key,
        context=context,
        occurred_at=occurred_at,
    )
    return send(track_service_pb2.TrackRequest(event=event))`,
    ],
    '\n\n\n',
  );
}

function objectText({ name, members, extra }: ModelObject, notes: readonly string[]): Code {
  const about = notes.filter((note) => note.trim() !== '');
  if (extra !== undefined) {
    about.push('Other properties may be sent: copy it to a plain dict and add them there.');
  }
  // A name that is not a Python identifier requires the call form of TypedDict.
  if (members.some((member) => !isName(member.name))) return callText(name, members, about);
  const story = about.length === 0 ? [] : [code`${pythonDocstring(about)}\n`];
  const lines = members.map(
    (member) =>
      code`${pythonComment(member.notes)}${identifier(member.name)}: ${memberText(member)}`,
  );
  const body = [...story, ...(lines.length === 0 ? [code`pass`] : lines)];
  return code`class ${identifier(name)}(TypedDict):\n${indented(joined(body, '\n'), '    ')}`;
}

function callText(name: string, members: readonly ModelMember[], about: readonly string[]): Code {
  const lines = members.map(
    (member) =>
      code`${pythonComment(member.notes)}${pythonLiteral(member.name)}: ${memberText(member)},`,
  );
  const body = code`${pythonLiteral(name)},\n{\n${indented(joined(lines, '\n'), '    ')}\n},\n`;
  return code`${pythonComment(about)}${identifier(name)} = TypedDict(\n${indented(body, '    ')})`;
}

function memberText({ type, required, nullable }: ModelMember): Code {
  const text = nullable ? code`Union[${typeText(type)}, None]` : typeText(type);
  return required ? code`Required[${text}]` : code`NotRequired[${text}]`;
}

function isName(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name) && !name.startsWith('__') && !pythonKeywords.includes(name);
}

function typeText(type: ModelType): Code {
  switch (type.kind) {
    case 'string':
      return code`str`;
    case 'boolean':
      return code`bool`;
    case 'integer':
      return code`int`;
    case 'number':
      return code`float`;
    case 'null':
      return code`None`;
    case 'enum':
      return enumText(type.values);
    case 'array':
      return code`Sequence[${typeText(type.items)}]`;
    case 'map':
      return code`Mapping[str, ${typeText(type.values)}]`;
    case 'object':
      return identifier(type.name);
    case 'union':
      return code`Union[${joined(type.of.map(typeText), ', ')}]`;
    default:
      return code`Any`;
  }
}

/** A Literal does not accept floats. */
function enumText(values: readonly (string | number | boolean | null)[]): Code {
  const isFloat = values.some((value) => typeof value === 'number' && !Number.isInteger(value));
  return isFloat ? code`Any` : code`Literal[${joined(values.map(pythonLiteral), ', ')}]`;
}
