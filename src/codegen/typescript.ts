import { code, indented, joined, type Code } from './encode/code.ts';
import {
  camelCase,
  identifier,
  wholeNumber,
  type NameTable,
  wordsOfEvent,
} from './encode/names.ts';
import {
  typescriptComment,
  typescriptLiteral,
  typescriptMember,
} from './encode/typescript-text.ts';
import {
  allOptional,
  type ModelEvent,
  type ModelMember,
  type ModelObject,
  type ModelType,
} from './type-model.ts';

export const typescriptReserved = [
  'Answer',
  'BigInt',
  'Date',
  'Envelope',
  'JSON',
  'ReadonlyArray',
  'Uint8Array',
  'EventMessage',
  'Events',
  'JsonObject',
  'JsonValue',
  'Promise',
  'Record',
  'SpoolClient',
  'TrackClient',
  'Who',
  'eventMessage',
  'idempotencyKey',
  'schemaVersions',
];

/** One module without imports: types, one function an event, and the map of them all. */
export function typescriptFile(
  header: Code,
  events: readonly ModelEvent[],
  names: NameTable,
): Code {
  const parts = [
    code`// ${header}`,
    runtime,
    eventsMap(events),
    ...events.map((event) => eventText(event, names)),
  ];
  return code`${joined(parts, '\n\n')}\n`;
}

const runtime = code`export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };
export type JsonObject = { [name: string]: JsonValue };

/** The person: at least one of the two ids is required. */
export type Who =
  | { readonly userId: string; readonly anonymousId?: string }
  | { readonly userId?: string; readonly anonymousId: string };

/** The fields of an event beside its name and its properties. */
export type Envelope = Who & {
  /** A UUID. Send the same one on every retry of this event. Default: a new UUIDv7. */
  readonly idempotencyKey?: string;
  readonly context?: JsonObject;
  /** The time by the producer's clock. */
  readonly occurredAt?: Date;
};

/** headgate.v1.Event, in the form that the generated clients of Connect and gRPC accept. */
export interface EventMessage {
  eventName: string;
  userId: string;
  anonymousId: string;
  idempotencyKey: string;
  propertiesJson: string;
  schemaVersion: number;
  context?: JsonObject;
  occurredAt?: { seconds: bigint; nanos: number };
}

/** A generated client of headgate.v1.TrackService, over any transport. */
export interface TrackClient<Answer> {
  track(request: { event: EventMessage }): Promise<Answer>;
}

/** The client of @headgate/client, made with or without \`<Events>\`: it sends by itself, and tries again. */
export interface SpoolClient<Answer> {
  track(event: {
    readonly eventName: string;
    readonly schemaVersion?: number | undefined;
    readonly properties?: object;
  }): Promise<Answer>;
  flush(): Promise<unknown>;
}

/** A UUIDv7: the time in milliseconds, then random bits. */
export function idempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const time = Date.now();
  for (let at = 0; at < 6; at += 1) bytes[at] = Math.floor(time / 256 ** (5 - at)) % 256;
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function eventMessage(
  eventName: string,
  schemaVersion: number,
  event: Envelope & { readonly properties?: object },
): EventMessage {
  // In a message, half of a surrogate pair would become U+FFFD: another id, and accepted.
  const texts = JSON.stringify([event.userId, event.anonymousId, event.context]);
  if (/(?<!\\\\)(?:\\\\\\\\)*\\\\ud[89a-f]/.test(texts)) {
    throw new TypeError(\`The ids or the context of \${eventName} hold half of a surrogate pair.\`);
  }
  const time = event.occurredAt?.getTime();
  return {
    eventName,
    schemaVersion,
    userId: event.userId ?? '',
    anonymousId: event.anonymousId ?? '',
    idempotencyKey: event.idempotencyKey ?? idempotencyKey(),
    propertiesJson: JSON.stringify(event.properties ?? {}),
    ...(event.context === undefined ? {} : { context: event.context }),
    ...(time === undefined
      ? {}
      : { occurredAt: { seconds: BigInt(Math.floor(time / 1000)), nanos: (((time % 1000) + 1000) % 1000) * 1e6 } }),
  };
}`;

function eventsMap(events: readonly ModelEvent[]): Code {
  const types = events.map(
    ({ eventName, objects }) =>
      code`  ${typescriptMember(eventName)}: ${identifier(objects[0]!.name)};`,
  );
  const versions = events.map(
    ({ eventName, schemaVersion }) =>
      code`  ${typescriptMember(eventName)}: ${wholeNumber(schemaVersion)},`,
  );
  return code`/** Every event and the type of its properties: \`createHeadgateClient<Events>(...)\`. */
export interface Events {
${joined(types, '\n')}
}

/** The schema version of each type. */
export const schemaVersions = {
${joined(versions, '\n')}
} as const satisfies Record<keyof Events, number>;`;
}

function eventText(event: ModelEvent, names: NameTable): Code {
  const { eventName, schemaVersion, objects, description, owner } = event;
  const owned = `The event ${eventName}`;
  const track = names.take(camelCase(wordsOfEvent(eventName)), owned);
  const build = names.take(`${track.text}Event`, owned);
  const optional = allOptional(event) ? code`?` : code``;
  const type = identifier(objects[0]!.name);
  const argument = code`event: Envelope & { readonly properties${optional}: ${type} }`;
  const story = [description, `Version ${schemaVersion}, of ${owner}.`];
  const [name, version] = [typescriptLiteral(eventName), wholeNumber(schemaVersion)];
  const message = code`${name}, ${version}`;
  return joined(
    [
      ...objects.map((object, index) => objectText(object, index === 0 ? story : object.notes)),
      code`/** Builds the event without sending it. Send it with \`track\` or \`batchTrack\`; retries reuse its key. */
export function ${build}(${argument}): EventMessage {
  return eventMessage(${message}, event);
}`,
      code`${typescriptComment(story)}export function ${track}<Answer>(
  client: TrackClient<Answer> | SpoolClient<Answer>,
  ${argument},
): Promise<Answer> {
  if ('flush' in client) return client.track({ ...event, eventName: ${name}, schemaVersion: ${version} });
  return client.track({ event: ${build}(event) });
}`,
    ],
    '\n\n',
  );
}

function objectText({ name, members, extra }: ModelObject, notes: readonly string[]): Code {
  const lines = members.map(memberText);
  if (extra !== undefined) lines.push(extraText(members, extra));
  const body = indented(joined(lines, '\n'), '  ');
  return code`${typescriptComment(notes)}export interface ${identifier(name)} {\n${body}\n}`;
}

function memberText({ name, type, required, nullable, notes }: ModelMember): Code {
  const text = code`${typeText(type)}${nullable ? code` | null` : code``}`;
  const optional = required ? code`` : code`?`;
  return code`${typescriptComment(notes)}${typescriptMember(name)}${optional}: ${text};`;
}

/** An index signature applies to the named properties too. */
function extraText(members: readonly ModelMember[], extra: ModelType): Code {
  const text = members.length === 0 ? typeText(extra) : code`unknown`;
  return code`/** Properties that the schema does not name. */\n[name: string]: ${text};`;
}

function typeText(type: ModelType): Code {
  switch (type.kind) {
    case 'string':
      return code`string`;
    case 'integer':
    case 'number':
      return code`number`;
    case 'boolean':
      return code`boolean`;
    case 'null':
      return code`null`;
    case 'any':
      return code`unknown`;
    case 'enum':
      return joined(type.values.map(typescriptLiteral), ' | ');
    case 'array':
      return code`ReadonlyArray<${typeText(type.items)}>`;
    case 'map':
      return code`{ readonly [name: string]: ${typeText(type.values)} }`;
    case 'object':
      return identifier(type.name);
    case 'union':
      return joined(type.of.map(typeText), ' | ');
  }
}
