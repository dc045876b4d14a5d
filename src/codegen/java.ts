import { javaRuntime } from './java-runtime.ts';
import { code, indented, joined, type Code } from './encode/code.ts';
import { javaComment, javaLiteral } from './encode/java-text.ts';
import {
  camelCase,
  dottedName,
  identifier,
  NameTable,
  pascalCase,
  wholeNumber,
  wordsOfEvent,
} from './encode/names.ts';
import { shownName, visibleLines } from './encode/source-text.ts';
import {
  allOptional,
  type ModelEvent,
  type ModelMember,
  type ModelObject,
  type ModelType,
} from './type-model.ts';

export const javaKeywords = [
  '_',
  'abstract',
  'assert',
  'boolean',
  'break',
  'byte',
  'case',
  'catch',
  'char',
  'class',
  'const',
  'continue',
  'default',
  'do',
  'double',
  'else',
  'enum',
  'extends',
  'final',
  'finally',
  'float',
  'for',
  'goto',
  'if',
  'implements',
  'import',
  'instanceof',
  'int',
  'interface',
  'long',
  'native',
  'new',
  'package',
  'private',
  'protected',
  'public',
  'return',
  'short',
  'static',
  'strictfp',
  'super',
  'switch',
  'synchronized',
  'this',
  'throw',
  'throws',
  'transient',
  'try',
  'void',
  'volatile',
  'while',
  'true',
  'false',
  'null',
];
export const javaClass = 'HeadgateEvents';
export const javaReserved = [
  javaClass,
  'Envelope',
  'Event',
  'Function',
  'Instant',
  'Iterator',
  'Json',
  'List',
  'Map',
  'Object',
  'Boolean',
  'Character',
  'Double',
  'IllegalArgumentException',
  'Iterable',
  'Long',
  'Number',
  'Override',
  'Objects',
  'System',
  'Properties',
  'SecureRandom',
  'String',
  'StringBuilder',
  'Struct',
  'Timestamp',
  'TrackRequest',
  'UUID',
  'event',
  'idempotencyKey',
  'LinkedHashMap',
];
/** Methods that every object already has. */
const methods = [
  'clone',
  'equals',
  'finalize',
  'getClass',
  'hashCode',
  'members',
  'notify',
  'notifyAll',
  'put',
  'toString',
  'wait',
];

export interface JavaOptions {
  readonly packageName: string;
  /** The package of the code that protoc generated from proto/headgate/v1. */
  readonly protoImport: string;
}

/** One class that contains a class for each type and a method for each event. Java 17. */
export function javaFile(
  header: Code,
  events: readonly ModelEvent[],
  names: NameTable,
  { packageName, protoImport }: JavaOptions,
): Code {
  const body = joined([javaRuntime, ...events.map((event) => eventText(event, names))], '\n\n');
  const outer = identifier(javaClass);
  const from = dottedName(protoImport);
  return code`// ${header}

package ${dottedName(packageName)};

import ${from}.EventOuterClass.Event;
import ${from}.TrackServiceOuterClass.TrackRequest;
import com.google.protobuf.Struct;
import com.google.protobuf.Timestamp;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;

/** One method for each event: {@code orderCompleted(stub::track, envelope, properties)}. */
public final class ${outer} {
  private static final SecureRandom RANDOM = new SecureRandom();

  private ${outer}() {}

${indented(body, '  ')}
}
`;
}

function eventText(event: ModelEvent, names: NameTable): Code {
  const { eventName, schemaVersion, objects, description, owner } = event;
  const track = names.take(camelCase(wordsOfEvent(eventName)), `The event ${eventName}`);
  const build = names.take(`${track.text}Event`, `The event ${eventName}`);
  const type = identifier(objects[0]!.name);
  const story = [description, `Version ${schemaVersion}, of ${owner}.`];
  const empty = allOptional(event) ? ['All properties are optional.'] : [];
  const about = [
    'Builds the event without sending it. Send it with Track or BatchTrack; retries reuse its key.',
    ...empty,
  ];
  return joined(
    [
      ...objects.map((object, index) =>
        objectText(object, index === 0 ? story : object.notes, names),
      ),
      code`${javaComment(about)}public static Event ${build}(Envelope envelope, ${type} properties) {
  return event(${javaLiteral(eventName)}, ${wholeNumber(schemaVersion)}, envelope, properties);
}`,
      code`${javaComment(story)}public static <A> A ${track}(
    Function<TrackRequest, A> send, Envelope envelope, ${type} properties) {
  Event event = ${build}(envelope, properties);
  return send.apply(TrackRequest.newBuilder().setEvent(event).build());
}`,
    ],
    '\n\n',
  );
}

/** The constructor takes the required properties; chained methods set the others. */
function objectText(object: ModelObject, notes: readonly string[], names: NameTable): Code {
  const { name, members, extra } = object;
  const fields = new NameTable('Java');
  const type = identifier(name);
  const named = members.map((member) => ({
    ...member,
    key: javaLiteral(member.name),
    field: fields.take(fieldName(member.name), `${name}'s property ${shownName(member.name)}`),
    javaType: memberText(member, name),
  }));
  const enums = members.flatMap((member) => enumText(member, name, names));
  const required = named.filter((member) => member.required);
  const parameters = required.map(({ javaType, field }) => code`${javaType} ${field}`);
  const puts = required.map(({ key, field }) => code`  put(${key}, ${field});\n`);
  const about = required.flatMap(({ field, notes: lines }) =>
    visibleLines(lines).map((line) => `${field.text}: ${line}`),
  );
  const constructor = code`${javaComment(about)}public ${type}(${joined(parameters, ', ')}) {\n${joined(puts, '')}}`;
  const setters = named
    .filter((member) => !member.required)
    .map(
      ({ key, field, javaType, notes: lines }) =>
        code`${javaComment(lines)}public ${type} ${field}(${javaType} value) {
  put(${key}, value);
  return this;
}`,
    );
  if (extra !== undefined) {
    setters.push(code`/** A property that the schema does not name. */
public ${type} with(String property, ${boxed(extra, name)} value) {
  members.putIfAbsent(property, value);
  return this;
}`);
  }
  const body = indented(joined([constructor, ...setters], '\n\n'), '  ');
  const text = code`${javaComment(notes)}public static final class ${type} extends Properties {\n${body}\n}`;
  return joined([text, ...enums], '\n\n');
}

/** Names reserved by Java get an underscore. */
function fieldName(name: string): string {
  const field = camelCase(name);
  return javaKeywords.includes(field) || methods.includes(field) ? `${field}_` : field;
}

function enumText(member: ModelMember, owner: string, names: NameTable): Code[] {
  const { type } = member;
  if (!isTextEnum(type)) return [];
  const name = names.take(
    `${owner}${pascalCase(member.name)}`,
    `${owner}'s values of ${shownName(member.name)}`,
  );
  const constants = new NameTable('Java');
  const values: readonly string[] = type.values;
  const lines = values.map((value) => {
    const constant = constants.take(
      constantName(value),
      `${owner}'s value ${shownName(value)} of ${shownName(member.name)}`,
    );
    return code`  ${constant}(${javaLiteral(value)})`;
  });
  return [
    code`${javaComment([`The values of ${shownName(member.name)}.`])}public enum ${name} {
${joined(lines, ',\n')};

  private final String value;

  ${name}(String value) {
    this.value = value;
  }

  /** The value in the event. */
  @Override
  public String toString() {
    return value;
  }
}`,
  ];
}

/** `on hold` to `ON_HOLD`. A text without letters and digits has no name of its own. */
function constantName(value: string): string {
  const constant = value.replaceAll(/\W+/g, '_').toUpperCase();
  if (/^_*$/.test(constant)) return 'EMPTY';
  return /^\d/.test(constant) ? `_${constant}` : constant;
}

interface TextEnum {
  readonly kind: 'enum';
  readonly values: readonly string[];
}

function isTextEnum(type: ModelType): type is ModelType & TextEnum {
  return type.kind === 'enum' && type.values.every((value) => typeof value === 'string');
}

function memberText({ type, name, nullable }: ModelMember, owner: string): Code {
  // An optional property is set or not. Only a nullable one accepts null.
  return nullable ? boxed(type, owner, name) : typeOf(type, owner, name);
}

function typeOf(type: ModelType, owner: string, member = ''): Code {
  switch (type.kind) {
    case 'string':
      return code`String`;
    case 'boolean':
      return code`boolean`;
    case 'integer':
      return code`long`;
    case 'number':
      return code`double`;
    case 'enum':
      return isTextEnum(type) && member !== ''
        ? identifier(`${owner}${pascalCase(member)}`)
        : code`Object`;
    case 'array':
      return code`List<${boxed(type.items, owner)}>`;
    case 'map':
      return code`Map<String, ${boxed(type.values, owner)}>`;
    case 'object':
      return identifier(type.name);
    default:
      return code`Object`;
  }
}

/** The type in a place that accepts objects only. */
function boxed(type: ModelType, owner: string, member = ''): Code {
  switch (type.kind) {
    case 'boolean':
      return code`Boolean`;
    case 'integer':
      return code`Long`;
    case 'number':
      return code`Double`;
    default:
      return typeOf(type, owner, member);
  }
}
