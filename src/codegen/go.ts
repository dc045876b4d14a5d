import { code, indented, joined, type Code } from './encode/code.ts';
import { goComment, goCommentLine, goLiteral, goTag, isTagName } from './encode/go-text.ts';
import {
  camelCase,
  identifier,
  NameTable,
  pascalCase,
  wholeNumber,
  wordsOfEvent,
} from './encode/names.ts';
import { shownName } from './encode/source-text.ts';
import { goRuntime } from './go-runtime.ts';
import {
  allOptional,
  type ModelEvent,
  type ModelMember,
  type ModelObject,
  type ModelType,
} from './type-model.ts';

export const goKeywords = (
  'break case chan const continue default defer else fallthrough for func go goto if import ' +
  'interface map package range return select struct switch type var'
).split(' ');

export const goReserved = [
  'Client',
  'Envelope',
  'List',
  'NewIdempotencyKey',
  'SchemaVersions',
  'marshalObject',
  'newEvent',
];

export interface GoOptions {
  /** The package of the generated file. */
  readonly packageName: string;
  /** The import path of the code that protoc-gen-go generated from proto/headgate/v1. */
  readonly protoImport: string;
}

/** One file of one package: a struct for each type, a function for each event. */
export function goFile(
  header: Code,
  events: readonly ModelEvent[],
  names: NameTable,
  { packageName, protoImport }: GoOptions,
): Code {
  const versions = events.map(
    ({ eventName, schemaVersion }) =>
      code`${goLiteral(eventName)}: ${wholeNumber(schemaVersion)},\n`,
  );
  const parts = [
    code`// ${header}`,
    code`package ${identifier(packageName)}`,
    code`import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	headgatev1 ${goLiteral(protoImport)}
)`,
    goRuntime,
    code`// SchemaVersions has the schema version of each type.
var SchemaVersions = map[string]uint32{
${indented(joined(versions, ''), '\t')}}`,
    ...events.map((event) => eventText(event, names)),
  ];
  return code`${joined(parts, '\n\n')}\n`;
}

function eventText(event: ModelEvent, names: NameTable): Code {
  const { eventName, schemaVersion, objects, description, owner } = event;
  const track = names.take(pascalCase(wordsOfEvent(eventName)), `The event ${eventName}`);
  const build = names.take(`New${track.text}`, `The event ${eventName}`);
  const type = identifier(objects[0]!.name);
  const story = [description, `Version ${schemaVersion}, of ${owner}.`];
  const empty = allOptional(event) ? ' All properties are optional.' : '';
  const about = `${build.text} builds the event without sending it. Send it with Track or BatchTrack; retries reuse its key.${empty}`;
  return joined(
    [
      ...objects.map((object, index) =>
        objectText(object, index === 0 ? story : object.notes, names),
      ),
      code`${goCommentLine([about])}func ${build}(envelope Envelope, properties ${type}) (*headgatev1.Event, error) {
	return newEvent(${goLiteral(eventName)}, ${wholeNumber(schemaVersion)}, envelope, properties)
}`,
      code`${goCommentLine([`${track.text} sends an event:`, ...story])}func ${track}[Option any](ctx context.Context, client Client[Option], envelope Envelope, properties ${type}, options ...Option) (*headgatev1.TrackResponse, error) {
	event, err := ${build}(envelope, properties)
	if err != nil {
		return nil, err
	}
	return client.Track(ctx, &headgatev1.TrackRequest{Event: event}, options...)
}`,
    ],
    '\n\n',
  );
}

function objectText(object: ModelObject, notes: readonly string[], names: NameTable): Code {
  const { name, members, extra } = object;
  const tags = tagNames(members);
  const isMarshalled = extra !== undefined || tags.size > 0;
  const fields = new NameTable('Go', [
    ...(extra === undefined ? [] : ['Others']),
    ...(isMarshalled ? ['MarshalJSON'] : []),
  ]);
  const lines = members.map((member) => {
    const owner = `${name}'s property ${shownName(member.name)}`;
    const field = fields.take(goName(member.name), owner);
    const about = goComment([...member.notes, member.required ? 'Required.' : '']);
    const text = typeText(member.type);
    // nil means not sent, or null. Lists and maps need no pointer for that.
    const isPointer = (!member.required || member.nullable) && !canBeNil(member.type);
    const tag = goTag(tags.get(member.name) ?? member.name, !member.required);
    return code`${about}${field} ${isPointer ? code`*` : code``}${text} ${tag}`;
  });
  if (extra !== undefined) {
    lines.push(code`Others map[string]${typeText(extra)} \`json:"-"\``);
  }
  const type = identifier(name);
  const about = [
    ...notes,
    ...(extra === undefined ? [] : ['Others holds properties that the schema does not name.']),
  ].filter((note) => note.trim() !== '');
  const story = goCommentLine([
    `${name}:`,
    ...(about.length > 0 ? about : ['a part of the properties.']),
  ]);
  const struct = code`${story}type ${type} struct {\n${indented(joined(lines, '\n'), '\t')}\n}`;
  const enums = members.flatMap((member) => enumText(name, member.name, member.type, names));
  const marshal = isMarshalled ? [marshalText(type, tags, extra)] : [];
  return joined([struct, ...marshal, ...enums], '\n\n');
}

/** The names in the tags of members whose own name no tag can hold: no member has such a name. */
function tagNames(members: readonly ModelMember[]): ReadonlyMap<string, string> {
  const taken = new Set(members.map(({ name }) => name));
  const tags = new Map<string, string>();
  for (const { name } of members.filter((member) => !isTagName(member.name))) {
    let tag = `headgate:${tags.size + 1}`;
    while (taken.has(tag)) tag += ':';
    taken.add(tag);
    tags.set(name, tag);
  }
  return tags;
}

function marshalText(
  type: Code,
  tags: ReadonlyMap<string, string>,
  extra: ModelType | undefined,
): Code {
  const renamed = [...tags].map(([name, tag]) => code`${goLiteral(tag)}: ${goLiteral(name)}`);
  const names = tags.size === 0 ? code`nil` : code`map[string]string{${joined(renamed, ', ')}}`;
  const others = extra === undefined ? code`map[string]any(nil)` : code`properties.Others`;
  return code`// MarshalJSON writes the properties as one object.
func (properties ${type}) MarshalJSON() ([]byte, error) {
	type plain ${type}
	return marshalObject(plain(properties), ${names}, ${others})
}`;
}

/** A constant for each string of an enum. The field itself is a plain string. */
function enumText(owner: string, member: string, type: ModelType, names: NameTable): Code[] {
  if (type.kind !== 'enum' || !isTexts(type.values)) return [];
  const prefix = `${owner}${pascalCase(member)}`;
  const lines = type.values.map((value) => {
    const constant = names.take(
      `${prefix}${pascalCase(value) || 'Empty'}`,
      `${owner}'s value ${shownName(value)} of ${shownName(member)}`,
    );
    return code`${constant} = ${goLiteral(value)}`;
  });
  const about = goCommentLine([`The values of ${shownName(member)}.`]);
  return [code`${about}const (\n${indented(joined(lines, '\n'), '\t')}\n)`];
}

function isTexts(values: readonly unknown[]): values is readonly string[] {
  return values.every((value) => typeof value === 'string');
}

function canBeNil(type: ModelType): boolean {
  if (type.kind === 'enum') return !isTexts(type.values);
  return ['array', 'map', 'any', 'union', 'null'].includes(type.kind);
}

function typeText(type: ModelType): Code {
  switch (type.kind) {
    case 'string':
      return code`string`;
    case 'boolean':
      return code`bool`;
    case 'integer':
      return code`int64`;
    case 'number':
      return code`float64`;
    case 'enum':
      return isTexts(type.values) ? code`string` : code`any`;
    case 'array':
      return code`List[${typeText(type.items)}]`;
    case 'map':
      return code`map[string]${typeText(type.values)}`;
    case 'object':
      return identifier(type.name);
    default:
      return code`any`;
  }
}

const initialisms = new Set(['id', 'url', 'ip', 'uuid', 'api', 'http', 'json', 'sku']);

/** `user_id` to `UserID`. */
function goName(name: string): string {
  return camelCase(name)
    .split(/(?=[A-Z])/)
    .map((word) => (initialisms.has(word.toLowerCase()) ? word.toUpperCase() : pascalCase(word)))
    .join('');
}
