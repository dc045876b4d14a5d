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
/** What every object has already. */
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
  /** The package of what protoc made of proto/headgate/v1. */
  readonly protoImport: string;
}

/** One class that holds all: a class for each type, a method for each event. Java 17. */
export function javaFile(
  header: string,
  events: readonly ModelEvent[],
  { packageName, protoImport }: JavaOptions,
): string {
  const names = new NameTable('Java', [...keywords, ...javaReserved]);
  const body = [runtime, ...events.map((event) => eventText(event, names))].join('\n\n');
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

const runtime = `/** What an event has beside its name and its properties. */
public static final class Envelope {
  private String userId = "";
  private String anonymousId = "";
  private String idempotencyKey;
  private Struct context;
  private Instant occurredAt;

  private Envelope() {}

  public static Envelope ofUser(String userId) {
    Envelope envelope = new Envelope();
    envelope.userId = userId;
    return envelope;
  }

  public static Envelope ofAnonymous(String anonymousId) {
    Envelope envelope = new Envelope();
    envelope.anonymousId = anonymousId;
    return envelope;
  }

  public Envelope userId(String value) {
    userId = value;
    return this;
  }

  public Envelope anonymousId(String value) {
    anonymousId = value;
    return this;
  }

  /** A UUID, the same whenever this event is sent again. Left out: a new UUIDv7. */
  public Envelope idempotencyKey(String value) {
    idempotencyKey = value;
    return this;
  }

  public Envelope context(Struct value) {
    context = value;
    return this;
  }

  /** The producer's clock. */
  public Envelope occurredAt(Instant value) {
    occurredAt = value;
    return this;
  }
}

/** Members in the order in which they were given. */
public abstract static class Properties {
  final Map<String, Object> members = new LinkedHashMap<>();

  void put(String name, Object value) {
    members.put(name, value);
  }

  /** As JSON. */
  @Override
  public final String toString() {
    StringBuilder text = new StringBuilder();
    Json.write(text, this);
    return text.toString();
  }
}

private static final class Json {
  static void write(StringBuilder text, Object value) {
    if (value instanceof Properties properties) {
      write(text, properties.members);
    } else if (value instanceof Map<?, ?> map) {
      String between = "";
      text.append('{');
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        text.append(between);
        writeText(text, String.valueOf(entry.getKey()));
        text.append(':');
        write(text, entry.getValue());
        between = ",";
      }
      text.append('}');
    } else if (value instanceof Iterable<?> items) {
      String between = "";
      text.append('[');
      for (Object item : items) {
        text.append(between);
        write(text, item);
        between = ",";
      }
      text.append(']');
    } else if (value == null || value instanceof Number || value instanceof Boolean) {
      if (value instanceof Double number && !Double.isFinite(number)) {
        throw new IllegalArgumentException("JSON has no " + number);
      }
      text.append(value);
    } else {
      writeText(text, value.toString());
    }
  }

  private static void writeText(StringBuilder text, String value) {
    text.append('"');
    for (int at = 0; at < value.length(); at++) {
      char character = value.charAt(at);
      if (character == '"' || character == '\\\\') {
        text.append('\\\\').append(character);
      } else if (character < ' ') {
        text.append(String.format("\\\\u%04x", (int) character));
      } else {
        text.append(character);
      }
    }
    text.append('"');
  }
}

/** A UUIDv7: the time in milliseconds, then random bits. */
public static String idempotencyKey() {
  long high = System.currentTimeMillis() << 16 | 0x7000 | RANDOM.nextInt(0x1000);
  long low = RANDOM.nextLong() & 0x3fffffffffffffffL | 0x8000000000000000L;
  return new UUID(high, low).toString();
}

private static Event event(String name, int version, Envelope envelope, Properties properties) {
  String key = envelope.idempotencyKey == null ? idempotencyKey() : envelope.idempotencyKey;
  Event.Builder event =
      Event.newBuilder()
          .setEventName(name)
          .setUserId(envelope.userId)
          .setAnonymousId(envelope.anonymousId)
          .setIdempotencyKey(key)
          .setPropertiesJson(properties.toString())
          .setSchemaVersion(version);
  if (envelope.context != null) {
    event.setContext(envelope.context);
  }
  if (envelope.occurredAt != null) {
    Instant time = envelope.occurredAt;
    event.setOccurredAt(
        Timestamp.newBuilder().setSeconds(time.getEpochSecond()).setNanos(time.getNano()));
  }
  return event.build();
}`;

function eventText(event: ModelEvent, names: NameTable): string {
  const { eventName, schemaVersion, objects, description, owner } = event;
  const track = names.take(camelCase(eventName), `The event ${eventName}`);
  const build = names.take(`${track}Event`, `The event ${eventName}`);
  const type = objects[0]!.name;
  const story = [description, `Version ${schemaVersion}, of ${owner}.`];
  const empty = allOptional(event) ? ['All of its properties may be left out.'] : [];
  return [
    ...objects.map((object, index) => objectText(object, index === 0 ? story : [], names)),
    `${comment(['To be sent by Track or BatchTrack, and again under the same key.', ...empty])}public static Event ${build}(Envelope envelope, ${type} properties) {
  return event(${JSON.stringify(eventName)}, ${schemaVersion}, envelope, properties);
}`,
    `${comment(story)}public static <A> A ${track}(
    Function<TrackRequest, A> send, Envelope envelope, ${type} properties) {
  Event event = ${build}(envelope, properties);
  return send.apply(TrackRequest.newBuilder().setEvent(event).build());
}`,
  ].join('\n\n');
}

/** What is required is asked for by the constructor; the rest by methods that can be chained. */
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

/** What Java has taken already gets an underscore. */
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

  /** As in the event. */
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
  // What is optional is set or not; null is said only where it is allowed.
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
