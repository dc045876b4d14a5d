import { javaRuntime } from './java-runtime.ts';
import { camelCase, commentLines, NameTable, pascalCase } from './names.ts';
import {
  allOptional,
  type ModelEvent,
  type ModelMember,
  type ModelObject,
  type ModelType,
} from './type-model.ts';

const keywords = [
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
  'Override',
  'Objects',
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
  header: string,
  events: readonly ModelEvent[],
  { packageName, protoImport }: JavaOptions,
): string {
  const names = new NameTable('Java', [...keywords, ...javaReserved]);
  const body = [javaRuntime, ...events.map((event) => eventText(event, names))].join('\n\n');
  const indented = body.replaceAll(/^(?=.)/gm, '  ');
  return `// ${header}

package ${packageName};

import ${protoImport}.EventOuterClass.Event;
import ${protoImport}.TrackServiceOuterClass.TrackRequest;
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
public final class ${javaClass} {
  private static final SecureRandom RANDOM = new SecureRandom();

  private ${javaClass}() {}

${indented}
}
`;
}

function eventText(event: ModelEvent, names: NameTable): string {
  const { eventName, schemaVersion, objects, description, owner } = event;
  const track = names.take(camelCase(eventName), `The event ${eventName}`);
  const build = names.take(`${track}Event`, `The event ${eventName}`);
  const type = objects[0]!.name;
  const story = [description, `Version ${schemaVersion}, of ${owner}.`];
  const empty = allOptional(event) ? ['All properties are optional.'] : [];
  return [
    ...objects.map((object, index) => objectText(object, index === 0 ? story : [], names)),
    `${comment(['Builds the event without sending it. Send it with Track or BatchTrack; retries reuse its key.', ...empty])}public static Event ${build}(Envelope envelope, ${type} properties) {
  return event(${JSON.stringify(eventName)}, ${schemaVersion}, envelope, properties);
}`,
    `${comment(story)}public static <A> A ${track}(
    Function<TrackRequest, A> send, Envelope envelope, ${type} properties) {
  Event event = ${build}(envelope, properties);
  return send.apply(TrackRequest.newBuilder().setEvent(event).build());
}`,
  ].join('\n\n');
}

/** The constructor takes the required properties; chained methods set the others. */
function objectText(object: ModelObject, story: readonly string[], names: NameTable): string {
  const { name, members, extra, notes } = object;
  const fields = new NameTable('Java');
  const named = members.map((member) => ({
    ...member,
    field: fields.take(fieldName(member.name), `${name}'s property ${member.name}`),
    javaType: typeText(member, name),
  }));
  const enums = members.flatMap((member) => enumText(member, name, names));
  const required = named.filter((member) => member.required);
  const parameters = required.map(({ javaType, field }) => `${javaType} ${field}`).join(', ');
  const puts = required.map(
    ({ name: key, field }) => `    put(${JSON.stringify(key)}, ${field});\n`,
  );
  const setters = named
    .filter((member) => !member.required)
    .map(
      ({ name: key, field, javaType, notes: about }) =>
        `${comment(about)}public ${name} ${field}(${javaType} value) {
  put(${JSON.stringify(key)}, value);
  return this;
}`,
    );
  if (extra !== undefined) {
    const value = boxed(typeOf(extra, name, ''));
    setters.push(`/** A property that the schema does not name. */
public ${name} with(String property, ${value} value) {
  members.putIfAbsent(property, value);
  return this;
}`);
  }
  const about = required.flatMap(({ field, notes: lines }) =>
    commentLines(lines).map((line) => `${field}: ${line}`),
  );
  const constructor = `${comment(about)}public ${name}(${parameters}) {\n${puts.join('')}  }`;
  const inner = [constructor.replace(/ {2}\}$/, '}').replaceAll(/^ {4}put/gm, '  put'), ...setters];
  const body = inner.join('\n\n').replaceAll(/^(?=.)/gm, '  ');
  const text = `${comment(story.length > 0 ? story : notes)}public static final class ${name} extends Properties {\n${body}\n}`;
  return [text, ...enums].join('\n\n');
}

/** Names reserved by Java get an underscore. */
function fieldName(name: string): string {
  const field = camelCase(name);
  return keywords.includes(field) || methods.includes(field) ? `${field}_` : field;
}

function enumText(member: ModelMember, owner: string, names: NameTable): string[] {
  const { type } = member;
  if (!isTextEnum(type)) return [];
  const name = names.take(
    `${owner}${pascalCase(member.name)}`,
    `${owner}'s values of ${member.name}`,
  );
  const constants = new NameTable('Java');
  const values: readonly string[] = type.values;
  const lines = values.map((value) => {
    const constant = value.replaceAll(/\W+/g, '_').toUpperCase() || 'EMPTY';
    const shown = /^\d/.test(constant) ? `_${constant}` : constant;
    return `  ${constants.take(shown, `${owner}'s value ${value}`)}(${JSON.stringify(value)})`;
  });
  return [
    `/** The values of ${commentLines([member.name]).join('')}. */
public enum ${name} {
${lines.join(',\n')};

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

interface TextEnum {
  readonly kind: 'enum';
  readonly values: readonly string[];
}

function isTextEnum(type: ModelType): type is ModelType & TextEnum {
  return type.kind === 'enum' && type.values.every((value) => typeof value === 'string');
}

function typeText({ type, name, nullable }: ModelMember, owner: string): string {
  const text = typeOf(type, owner, name);
  // An optional property is set or not. Only a nullable one accepts null.
  return nullable ? boxed(text) : text;
}

function typeOf(type: ModelType, owner: string, member: string): string {
  switch (type.kind) {
    case 'string':
      return 'String';
    case 'boolean':
      return 'boolean';
    case 'integer':
      return 'long';
    case 'number':
      return 'double';
    case 'enum':
      return isTextEnum(type) && member !== '' ? `${owner}${pascalCase(member)}` : 'Object';
    case 'array':
      return `List<${boxed(typeOf(type.items, owner, ''))}>`;
    case 'map':
      return `Map<String, ${boxed(typeOf(type.values, owner, ''))}>`;
    case 'object':
      return type.name;
    default:
      return 'Object';
  }
}

function boxed(type: string): string {
  const boxes: Readonly<Record<string, string>> = {
    boolean: 'Boolean',
    long: 'Long',
    double: 'Double',
  };
  return boxes[type] ?? type;
}

function comment(notes: readonly string[]): string {
  const lines = commentLines(notes).map((line) => line.replaceAll('@', '&#64;'));
  if (lines.length === 0) return '';
  if (lines.length === 1) return `/** ${lines[0]} */\n`;
  return `/**\n${lines.map((line) => ` * ${line}\n`).join('')} */\n`;
}
