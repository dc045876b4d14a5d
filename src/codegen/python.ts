import { commentLines, NameTable } from './names.ts';
import {
  allOptional,
  type ModelEvent,
  type ModelMember,
  type ModelObject,
  type ModelType,
} from './type-model.ts';

const keywords = [
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
  header: string,
  events: readonly ModelEvent[],
  { protoImport }: PythonOptions,
): string {
  const names = new NameTable('Python', [...keywords, ...pythonReserved]);
  const versions = events.map(
    ({ eventName, schemaVersion }) => `    ${JSON.stringify(eventName)}: ${schemaVersion},\n`,
  );
  const parts = [
    `# ${header}`,
    runtimeOf(protoImport),
    `# The schema version of each type.\nSCHEMA_VERSIONS = {\n${versions.join('')}}`,
    ...events.map((event) => eventText(event, names)),
  ];
  return `${parts.join('\n\n\n')}\n`;
}

const runtimeOf = (protoImport: string): string => `from __future__ import annotations

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

function eventText(event: ModelEvent, names: NameTable): string {
  const { eventName, schemaVersion, objects, description, owner } = event;
  const track = names.take(eventName, `The event ${eventName}`);
  const build = names.take(`${eventName}_event`, `The event ${eventName}`);
  const type = objects[0]!.name;
  const story = commentLines([description, `Version ${schemaVersion}, of ${owner}.`]);
  const properties = `properties: ${type}${allOptional(event) ? ' = {}' : ''},`;
  const envelope = [
    '*,',
    'user_id: str = "",',
    'anonymous_id: str = "",',
    'key: str | None = None,',
    'context: Mapping[str, Any] | None = None,',
    'occurred_at: datetime | None = None,',
  ];
  const parameters = (first: readonly string[]): string =>
    [...first, properties, ...envelope].map((line) => `    ${line}\n`).join('');
  return [
    // Types come before the types that use them: Python evaluates a module from top to bottom.
    ...objects.toReversed().map((object) => objectText(object, object === objects[0] ? story : [])),
    `def ${build}(
${parameters([])}) -> event_pb2.Event:
    """Builds the event without sending it. Send it with Track or BatchTrack; retries reuse its key."""
    return event_message(
        ${JSON.stringify(eventName)}, ${schemaVersion}, properties, user_id, anonymous_id, key, context, occurred_at
    )`,
    `def ${track}(
${parameters(['send: Callable[[track_service_pb2.TrackRequest], Answer],'])}) -> Answer:
    ${docstring(story)}
    event = ${build}(
        properties,
        user_id=user_id,
        anonymous_id=anonymous_id,
        key=key,
        context=context,
        occurred_at=occurred_at,
    )
    return send(track_service_pb2.TrackRequest(event=event))`,
  ].join('\n\n\n');
}

function docstring(lines: readonly string[]): string {
  return `"""${lines.join(' ').replaceAll('"', "'")}"""`;
}

function objectText(
  { name, members, extra, notes }: ModelObject,
  story: readonly string[],
): string {
  const about = [...(story.length > 0 ? story : commentLines(notes))];
  if (extra !== undefined) {
    about.push('Other properties may be sent: copy it to a plain dict and add them there.');
  }
  const lines = about.length === 0 ? [] : [`    ${docstring(about)}`, ''];
  if (members.length === 0) lines.push('    pass');
  // A name that is not a Python identifier requires the call form of TypedDict.
  if (members.some((member) => !isName(member.name))) return callText(name, members, about);
  for (const member of members) {
    for (const line of commentLines(member.notes)) lines.push(`    # ${line}`);
    lines.push(`    ${member.name}: ${memberText(member)}`);
  }
  return `class ${name}(TypedDict):\n${lines.join('\n')}`;
}

function callText(name: string, members: readonly ModelMember[], about: readonly string[]): string {
  const lines = members.flatMap((member) => [
    ...commentLines(member.notes).map((line) => `        # ${line}`),
    `        ${JSON.stringify(member.name)}: ${memberText(member)},`,
  ]);
  const story = about.map((line) => `# ${line}\n`).join('');
  return `${story}${name} = TypedDict(\n    "${name}",\n    {\n${lines.join('\n')}\n    },\n)`;
}

function memberText({ type, required, nullable }: ModelMember): string {
  const text = nullable ? `Union[${typeText(type)}, None]` : typeText(type);
  return required ? `Required[${text}]` : `NotRequired[${text}]`;
}

function isName(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name) && !name.startsWith('__') && !keywords.includes(name);
}

function typeText(type: ModelType): string {
  switch (type.kind) {
    case 'string':
      return 'str';
    case 'boolean':
      return 'bool';
    case 'integer':
      return 'int';
    case 'number':
      return 'float';
    case 'null':
      return 'None';
    case 'enum':
      return enumText(type.values);
    case 'array':
      return `Sequence[${typeText(type.items)}]`;
    case 'map':
      return `Mapping[str, ${typeText(type.values)}]`;
    case 'object':
      return type.name;
    case 'union':
      return `Union[${type.of.map(typeText).join(', ')}]`;
    default:
      return 'Any';
  }
}

/** A Literal does not accept floats. */
function enumText(values: readonly unknown[]): string {
  if (values.some((value) => typeof value === 'number' && !Number.isInteger(value))) return 'Any';
  const words: Readonly<Record<string, string>> = { true: 'True', false: 'False', null: 'None' };
  const literals = values.map((value) => JSON.stringify(value)).map((text) => words[text] ?? text);
  return `Literal[${literals.join(', ')}]`;
}
