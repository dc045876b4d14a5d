import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { makeSyncedFolder, syncFolder } from '../local-files/synced-folder.ts';
import type { ColumnValue } from '../tables/fit-value.ts';
import { createFileEncoder } from './encode/file-encoder.ts';
import type { ColumnEncoder } from './encode/column-encoder.ts';
import { placeOf, type MemberName } from './spool/cut-event.ts';
import type { CutEvent, LotEvents } from './spool/lot-events.ts';
import type { Part } from './spool/parts.ts';
import {
  addDeliveredAt,
  addInt32,
  addMilliseconds,
  addSequence,
  addText,
  writeMilliseconds,
  type AddPart,
} from './typed-parts.ts';
import { wholeMark } from './whole-row.ts';

interface Column {
  readonly name: string;
  readonly kind: 'text' | 'optional text' | 'time' | 'integer' | 'sequence';
  /** What it holds of the event. Undefined if that is not the event's. */
  readonly member?: MemberName;
  /** What it holds of an event that is kept whole. */
  readonly isWhole?: true;
}

const columns: readonly Column[] = [
  { name: 'event_id', kind: 'text', member: 'eventId', isWhole: true },
  { name: 'event_name', kind: 'text', member: 'eventName', isWhole: true },
  { name: 'source', kind: 'text', member: 'source', isWhole: true },
  { name: 'timestamp', kind: 'time', member: 'timestamp', isWhole: true },
  { name: 'user_id', kind: 'optional text', member: 'userId' },
  { name: 'anonymous_id', kind: 'optional text', member: 'anonymousId' },
  { name: 'idempotency_key', kind: 'text', member: 'idempotencyKey', isWhole: true },
  { name: 'schema_version', kind: 'integer', member: 'schemaVersion' },
  { name: 'properties', kind: 'optional text', member: 'properties' },
  { name: 'context', kind: 'optional text', member: 'context' },
  { name: 'occurred_at', kind: 'optional text', member: 'occurredAt' },
  { name: 'sent_at', kind: 'optional text', member: 'sentAt' },
  { name: 'correlation_id', kind: 'optional text', member: 'correlationId' },
  { name: 'traceparent', kind: 'optional text', member: 'traceparent' },
  { name: 'sequence', kind: 'sequence' },
  { name: 'warnings', kind: 'optional text', member: 'warnings' },
  { name: 'delivered_at', kind: 'time' },
  { name: 'event_time', kind: 'time', member: 'eventTime', isWhole: true },
];

const jsonColumns = new Set(['properties', 'context', 'warnings']);

const elements = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
  'optional text': { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
  time: {
    type: 'INT64',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
    repetition_type: 'OPTIONAL',
  },
  integer: { type: 'INT32', repetition_type: 'OPTIONAL' },
  sequence: { type: 'INT64', repetition_type: 'REQUIRED' },
} as const;

/**
 * The path of a part's file below the folder: `date=2026-03-01/hour=12/` or `event_date=2026-03-01/` in
 * Hive's form, then the sequences of its first and last event, the spool's name and the number of the
 * file in it. The last two distinguish files with the same range, such as those of a replay.
 */
export function filePathOf(part: Part, spoolId: string): string {
  const [date, hour = 'unknown'] = part.hour.split('T');
  const range = [part.firstSequence, part.lastSequence].map((each) =>
    String(each).padStart(12, '0'),
  );
  const name = `${range.join('-')}.${spoolId}-${part.id}.parquet`;
  return part.partition === 'event_date'
    ? path.join(`event_date=${date}`, name)
    : path.join(`date=${date}`, `hour=${hour}`, name);
}

/**
 * The path of a part's file for one table. The folders of its parts have names that no property has, because
 * readers make columns of them: `order_completed/headgate_date=2026-03-01/headgate_hour=12/`.
 */
export function typedPathOf(part: Part, spoolId: string, table: string): string {
  const parts = filePathOf(part, spoolId).split(path.sep);
  const named = parts.map((part) => (part.includes('=') ? `${typedPrefix}${part}` : part));
  return path.join(table, ...named);
}

export const typedPrefix = 'headgate_';

/** The spool and the number in a file's name. Undefined if another program made the file. */
export function readFileName(name: string): { spoolId: string; id: number } | undefined {
  const found = /^\d{12,}-\d{12,}\.([0-9a-f]{8})-(\d+)\.parquet$/.exec(name);
  return found === null ? undefined : { spoolId: found[1]!, id: Number(found[2]) };
}

/**
 * Writes and syncs a complete file under a name that readers ignore, then renames it. If the file
 * exists already, an earlier holder of the same lot wrote it.
 *
 * Who may read `root` may read the file: an operator opens the files to others by the mode of the root.
 *
 * @param made makes the bytes, if the file does not exist yet.
 */
export function writeBytes(file: string, made: () => Uint8Array, root: string): void {
  if (existsSync(file)) return;
  const folder = path.dirname(file);
  const mode = statSync(root).mode & 0o777;
  makeSyncedFolder(folder, mode);
  // Not by the process id: in containers that share a folder it is often the same, and one would empty the other's file.
  const random = randomBytes(6).toString('hex');
  const temporary = path.join(folder, `.${path.basename(file)}.${random}.tmp`);
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    // The mask of the process would take the rights of others away.
    fchmodSync(descriptor, mode & 0o666);
    writeWhole(descriptor, made());
    fsyncSync(descriptor);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  try {
    renameSync(temporary, file);
  } catch (error) {
    // Another process had the same lot, and has removed the temporary file.
    if (!existsSync(file)) throw error;
  }
  syncFolder(folder);
  sweepUp(file);
}

/** What a process left behind that was killed while it wrote this file. */
function sweepUp(file: string): void {
  const folder = path.dirname(file);
  for (const name of readdirSync(folder)) {
    if (name.startsWith(`.${path.basename(file)}.`))
      rmSync(path.join(folder, name), { force: true });
  }
}

function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
}

/**
 * The file of all events, of those at these places.
 *
 * @param isFromBytes false for a test: texts are made of all members, which makes the same file.
 */
export function encodeRows(events: LotEvents, places: Uint32Array, isFromBytes = true): Uint8Array {
  const file = createFileEncoder(encoded, places.length);
  for (const place of places) {
    events.go(place);
    const isWhole = events.isWhole();
    const cut = isFromBytes ? events.cut() : undefined;
    for (let at = 0; at < columns.length; at += 1) {
      if (cut === undefined || !adders[at]!(file.encoders[at]!, events, cut, isWhole))
        file.add(at, valueOf(events, columns[at]!, isWhole));
    }
    file.endRow();
  }
  return file.end();
}

function valueOf(events: LotEvents, column: Column, isWhole: boolean): ColumnValue {
  if (column.kind === 'sequence') return events.sequence();
  if (column.name === 'delivered_at') return events.deliveredAt();
  if (isWhole && column.isWhole === undefined) {
    if (column.name === 'traceparent') return wholeMark;
    return column.name === 'properties' ? events.payloadText() : null;
  }
  return events.value(column.member!);
}

/** Adds the same from the bytes of an event. False, and nothing is added, where they are of no help. */
type AddCut = (
  encoder: ColumnEncoder,
  events: LotEvents,
  cut: CutEvent,
  isWhole: boolean,
) => boolean;

function adderOf(column: Column): AddCut {
  const { kind, name, member } = column;
  if (member === undefined) {
    return kind === 'sequence' ? addSequence : addDeliveredAt(writeMilliseconds);
  }
  const add = addPartOf(kind);
  const place = placeOf(member);
  return (encoder, _events, { source, start, end, starts, ends }, isWhole) => {
    if (isWhole && column.isWhole === undefined) {
      if (name === 'traceparent') return false;
      // It has no line feeds.
      if (name === 'properties') encoder.addText(source, start, end);
      else encoder.addNull();
      return true;
    }
    if (starts[place] !== ends[place]) return add(encoder, source, starts[place]!, ends[place]!);
    encoder.addNull();
    return true;
  };
}

function addPartOf(kind: Column['kind']): AddPart {
  if (kind === 'time') return addMilliseconds;
  return kind === 'integer' ? addInt32 : addText;
}

const holders = {
  text: String,
  'optional text': String,
  integer: int32Of,
  sequence: (value: ColumnValue) => BigInt(Number(value)),
};

/** Of each column. */
const adders = columns.map(adderOf);
const encoded = columns.map(({ name, kind }) => ({
  element: { name, ...elements[kind] },
  hold: kind === 'time' ? msOf : holders[kind],
  isJson: jsonColumns.has(name),
}));

/** Undefined if the column cannot hold it: an event may have any JSON as its version. */
function int32Of(value: ColumnValue): number | undefined {
  const number = Number(value);
  // `|` makes an INT32 of any number.
  return value !== '' && (number | 0) === number ? number : undefined;
}

/** Undefined if the text is not a time. */
function msOf(time: ColumnValue): bigint | undefined {
  const ms = Date.parse(String(time));
  return Number.isNaN(ms) ? undefined : BigInt(ms);
}
