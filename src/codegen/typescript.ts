import { camelCase, commentLines, NameTable } from './names.ts';
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
  'TrackClient',
  'Who',
  'eventMessage',
  'idempotencyKey',
  'schemaVersions',
];

/** One module without imports: types, one function an event, and the map of them all. */
export function typescriptFile(header: string, events: readonly ModelEvent[]): string {
  const names = new NameTable('TypeScript', typescriptReserved);
  const parts = [
    `// ${header}`,
    runtime,
    eventsMap(events),
    ...events.map((event) => eventText(event, names)),
  ];
  return `${parts.join('\n\n')}\n`;
}

const runtime = `export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };
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

function eventsMap(events: readonly ModelEvent[]): string {
  const types = events.map(({ eventName, objects }) => `  ${eventName}: ${objects[0]!.name};`);
  const versions = events.map(
    ({ eventName, schemaVersion }) => `  ${eventName}: ${schemaVersion},`,
  );
  return `/** Every event and the type of its properties: \`createHeadgateClient<Events>(...)\`. */
export interface Events {
${types.join('\n')}
}

/** The schema version of each type. */
export const schemaVersions = {
${versions.join('\n')}
} as const satisfies Record<keyof Events, number>;`;
}

function eventText(event: ModelEvent, names: NameTable): string {
  const { eventName, schemaVersion, objects, description, owner } = event;
  const owned = `The event ${eventName}`;
  const track = names.take(camelCase(eventName), owned);
  const build = names.take(`${track}Event`, owned);
  const optional = allOptional(event) ? '?' : '';
  const argument = `event: Envelope & { readonly properties${optional}: ${objects[0]!.name} }`;
  const story = comment([description, `Version ${schemaVersion}, of ${owner}.`], '');
  return [
    ...objects.map((object, index) => objectText(object, index === 0 ? story : '')),
    `/** Builds the event without sending it. Send it with \`track\` or \`batchTrack\`; retries reuse its key. */
export function ${build}(${argument}): EventMessage {
  return eventMessage('${eventName}', ${schemaVersion}, event);
}`,
    `${story}export function ${track}<Answer>(
  client: TrackClient<Answer>,
  ${argument},
): Promise<Answer> {
  return client.track({ event: ${build}(event) });
}`,
  ].join('\n\n');
}

function objectText({ name, members, extra, notes }: ModelObject, story: string): string {
  const lines = members.map(memberText);
  if (extra !== undefined) lines.push(extraText(members, extra));
  return `${story === '' ? comment(notes, '') : story}export interface ${name} {\n${lines.join('\n')}\n}`;
}

function memberText({ name, type, required, nullable, notes }: ModelMember): string {
  const shown = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
  const text = typeText(type) + (nullable ? ' | null' : '');
  return `${comment(notes, '  ')}  ${shown}${required ? '' : '?'}: ${text};`;
}

/** An index signature applies to the named properties too. */
function extraText(members: readonly ModelMember[], extra: ModelType): string {
  const text = members.length === 0 ? typeText(extra) : 'unknown';
  return `  /** Properties that the schema does not name. */\n  [name: string]: ${text};`;
}

function typeText(type: ModelType): string {
  switch (type.kind) {
    case 'integer':
      return 'number';
    case 'any':
      return 'unknown';
    case 'enum':
      return type.values.map((value) => JSON.stringify(value)).join(' | ');
    case 'array':
      return `ReadonlyArray<${typeText(type.items)}>`;
    case 'map':
      return `{ readonly [name: string]: ${typeText(type.values)} }`;
    case 'object':
      return type.name;
    case 'union':
      return type.of.map(typeText).join(' | ');
    default:
      return type.kind;
  }
}

function comment(notes: readonly string[], indent: string): string {
  const lines = commentLines(notes);
  if (lines.length === 0) return '';
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`;
}
