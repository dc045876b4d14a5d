import { createReadStream, fstatSync, openSync, statSync } from 'node:fs';
import { Readable } from 'node:stream';

import { StartError } from '../../errors.ts';
import { isJson } from '../terminal/edit-options.ts';
import { jsonMembers } from './json-members.ts';

/** The source of the lines. */
export interface TrackSource {
  readonly stream: Readable;
  /** Undefined if the end is unknown. */
  readonly bytes: number | undefined;
}

/** The flags that describe one event. */
export interface EventFlags {
  readonly event?: string;
  readonly user?: string;
  readonly anonymous?: string;
  readonly property?: readonly string[];
  readonly properties?: string;
  readonly idempotencyKey?: string;
  readonly schemaVersion?: string;
  readonly occurredAt?: string;
}

/** Large reads need a tenth of the event loop's turns that 64 KiB would need. */
const readBytes = 1024 * 1024;

/** Opens a file; `-` is standard input. */
export function openSource(path: string, input: Readable, rejectedFile?: string): TrackSource {
  if (path === '-') return { stream: input, bytes: undefined };
  try {
    if (rejectedFile !== undefined && isSameFile(path, rejectedFile)) {
      throw new StartError('--rejected names the file that is read, and would empty it.');
    }
    const descriptor = openSync(path, 'r');
    const status = fstatSync(descriptor);
    if (status.isDirectory()) throw new StartError(`${path} is a folder. Name a file, or -.`);
    const stream = createReadStream(path, { fd: descriptor, highWaterMark: readBytes });
    return { stream, bytes: status.isFile() ? status.size : undefined };
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new StartError(`${path} cannot be read: ${why}.`, { cause });
  }
}

function isSameFile(path: string, other: string): boolean {
  const [one, two] = [path, other].map((name) => statSync(name, { throwIfNoEntry: false }));
  return one !== undefined && two !== undefined && one.dev === two.dev && one.ino === two.ino;
}

/** One event as a line, so that it is processed like every other line. Throws the problem. */
export function sourceOfFlags(flags: EventFlags): TrackSource {
  const line = lineOfFlags(flags);
  return { stream: Readable.from([Buffer.from(line)]), bytes: undefined };
}

/** Numbers keep their digits: the text is assembled, never parsed. */
export function lineOfFlags(flags: EventFlags): string {
  const texts = [
    ['event_name', flags.event],
    ['user_id', flags.user],
    ['anonymous_id', flags.anonymous],
    ['idempotency_key', flags.idempotencyKey],
    ['schema_version', flags.schemaVersion],
    ['occurred_at', flags.occurredAt],
  ] as const;
  const members = texts.flatMap(([name, value]) =>
    value === undefined ? [] : [memberOf(name, JSON.stringify(value))],
  );
  const properties = propertiesOf(flags);
  if (properties.size > 0) {
    const text = [...properties].map(([name, value]) => memberOf(name, value)).join(',');
    members.push(memberOf('properties', `{${text}}`));
  }
  return `{${members.join(',')}}`;
}

function memberOf(name: string, text: string): string {
  return `${JSON.stringify(name)}:${text}`;
}

function propertiesOf({ properties, property }: EventFlags): Map<string, string> {
  const found = new Map<string, string>();
  const add = (name: string, text: string): void => {
    if (found.has(name)) throw new RangeError(`the property "${name}" is given twice`);
    found.set(name, text);
  };
  if (properties !== undefined) {
    if (!isJson(properties) || !properties.trim().startsWith('{')) {
      throw new RangeError('--properties must be a JSON object such as \'{"total":49.9}\'');
    }
    const { texts, repeated } = jsonMembers(properties);
    for (const [name, text] of texts) add(name, text);
    if (repeated !== undefined) add(repeated, '');
  }
  for (const each of property ?? []) {
    const at = each.indexOf('=');
    if (at < 1) throw new RangeError('--property takes name=value');
    const value = each.slice(at + 1);
    add(each.slice(0, at), isJson(value) ? value.trim() : JSON.stringify(value));
  }
  return found;
}
