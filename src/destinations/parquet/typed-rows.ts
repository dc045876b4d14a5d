import { parseExactly } from '../../event/exact-numbers.ts';
import type { JsonValue } from '../../event/json/json.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import type { StoredEvent } from '../../event/stored-event.ts';
import { readTime } from '../../event/time/time-text.ts';
import type { PayloadMembers } from '../payload-members.ts';
import { eventColumns, type EventColumn } from '../tables/event-columns.ts';
import {
  addMisfits,
  columnsInUse,
  createRowMaker,
  eventOfMembers,
  eventOfStored,
  misfitsAt,
  type PayloadEvent,
  type RowMaker,
} from '../tables/event-row.ts';
import { fitValue, type ColumnValue } from '../tables/fit-value.ts';
import type { LogicalType } from '../tables/logical-type.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import { isDigit, minus, quote } from '../../event/json/json-codes.ts';
import { createFindMembers, type FoundMembers } from './bytes/find-members.ts';
import { readUtc } from '../payload-bytes/read-time.ts';
import type { ColumnEncoder, EncodedColumn } from './encode/column-encoder.ts';
import type { ByteSource } from './encode/growing-bytes.ts';
import { createFileEncoder, type FileEncoder } from './encode/file-encoder.ts';
import { placeOf, type MemberName } from './spool/cut-event.ts';
import type { CutEvent, LotEvents } from './spool/lot-events.ts';
import { elementOf, parquetValue } from './typed-columns.ts';
import {
  addInteger,
  addNanoseconds,
  addDeliveredAt,
  addPartOf,
  addSequence,
  addText,
  addUuid,
  writeNanoseconds,
  type AddPart,
} from './typed-parts.ts';

/**
 * The file of a table.
 *
 * @param isFromBytes false for a test: each event is parsed, which makes the same file.
 */
export function encodeTypedRows(
  plan: TablePlan,
  events: LotEvents,
  places: readonly number[],
  isFromBytes = true,
): Uint8Array {
  const rows = rowsOf(plan);
  rows.begin(places.length);
  for (const place of places) {
    events.go(place);
    const cut = isFromBytes ? events.cut() : undefined;
    if (cut === undefined || !rows.addCut(events, cut)) rows.addParsed(events);
  }
  return rows.end();
}

/** Of the columns of each plan, for all its files: what finds and reads their values is made once. */
const rowsOfPlans = new WeakMap<TablePlan['columns'], TypedRows>();

function rowsOf(plan: TablePlan): TypedRows {
  let rows = rowsOfPlans.get(plan.columns);
  if (rows === undefined) rowsOfPlans.set(plan.columns, (rows = new TypedRows(plan)));
  return rows;
}

/** A row that was made of values. */
interface ParsedRow {
  readonly values: readonly ColumnValue[];
  /** Columns of properties that do not fit. */
  readonly misfits: ReadonlySet<string>;
}

const timestampPlace = placeOf('timestamp');
const versionPlace = placeOf('schemaVersion');
const propertiesPlace = placeOf('properties');
const letterN = 0x6e;

const noFile = createFileEncoder([], 0);

/** Adds rows to a file after another. */
class TypedRows {
  private file = noFile;
  private readonly columns: readonly Pick<EventColumn, 'name' | 'type'>[];
  private readonly encoded: readonly EncodedColumn[];
  private readonly maker: RowMaker;
  private readonly findOf: (version: number) => FoundMembers;
  /** For each property. */
  private readonly adders: readonly (AddPart | undefined)[];
  // Of the current event. Most events need none of them.
  private parsed: ParsedRow | undefined;
  private unfit: string[] = [];
  private unheld: string[] = [];

  constructor(plan: TablePlan) {
    this.columns = [...eventColumns, ...plan.columns];
    this.encoded = this.columns.map(({ name, type }) => ({
      element: elementOf(name, type),
      hold: (value) => parquetValue(value, type),
      isJson: type.kind === 'json',
    }));
    this.maker = createRowMaker(plan);
    this.findOf = createFinders(plan);
    this.adders = plan.columns.map(({ type }) => addPartOf(type));
  }

  /** Rows are added to a new file from now on, at most so many. */
  begin(rowsAll: number): void {
    this.file = createFileEncoder(this.encoded, rowsAll);
    // A file may have failed in the middle of a row.
    [this.parsed, this.unfit, this.unheld] = [undefined, [], []];
  }

  /** The whole file. */
  end(): Uint8Array {
    const { file } = this;
    this.file = noFile;
    return file.end();
  }

  addParsed(events: LotEvents): void {
    for (let at = 0; at < this.columns.length; at += 1) {
      if (at !== misfitsAt) this.addColumn(events, at);
    }
    this.endRow();
  }

  /** The same from the bytes of the event. False, and nothing is added, if it has to be parsed. */
  addCut(events: LotEvents, cut: CutEvent): boolean {
    const { source, starts, ends } = cut;
    // Other times make another event.
    if (!readUtc(source.bytes, starts[timestampPlace]!, ends[timestampPlace]!)) return false;
    const found = this.findOf(versionOf(cut));
    if (!found.find(source.bytes, starts[propertiesPlace]!, ends[propertiesPlace]!)) return false;
    const left = addEventColumns(this.file, events, cut);
    for (const at of left) this.addColumn(events, at);
    for (let index = 0; index < this.adders.length; index += 1) {
      const start = found.starts[index]!;
      const end = found.ends[index]!;
      const encoder = this.file.encoders[eventColumns.length + index]!;
      const add = found.isEscaped[index] === 0 ? this.adders[index] : undefined;
      // Nothing else begins as null does.
      if (start === -1 || source.bytes[start] === letterN) encoder.addNull();
      else if (add === undefined || !add(encoder, source, start, end))
        this.addProperty(events, source, { start, end, index });
    }
    this.endRow();
    return true;
  }

  private addProperty(
    events: LotEvents,
    source: ByteSource,
    found: { readonly start: number; readonly end: number; readonly index: number },
  ): void {
    const at = eventColumns.length + found.index;
    const { type, name } = this.columns[at]!;
    const value = valueAlone(source, found.start, found.end, type);
    if (value === undefined) {
      this.addColumn(events, at);
      return;
    }
    const fitting = fitValue(value, type);
    if (fitting === undefined) this.unfit.push(name);
    this.addValue(at, fitting ?? null);
  }

  /** From the values of the whole event. */
  private addColumn(events: LotEvents, at: number): void {
    this.parsed ??= this.parse(events);
    const { values, misfits } = this.parsed;
    const { name } = this.columns[at]!;
    if (misfits.has(name)) this.unfit.push(name);
    this.addValue(at, values[at] ?? null);
  }

  private parse(events: LotEvents): ParsedRow {
    const { event, properties } = this.maker.rowOf(eventOf(events), {
      sequence: events.sequence(),
      deliveredAt: events.deliveredAt(),
    });
    const misfits = JSON.parse(String(event[misfitsAt] ?? '[]')) as string[];
    return { values: [...event, ...properties], misfits: new Set(misfits) };
  }

  private addValue(at: number, value: ColumnValue): void {
    if (!this.file.add(at, value)) this.unheld.push(this.columns[at]!.name);
  }

  private endRow(): void {
    const { unfit, unheld, file } = this;
    const known = unfit.length === 0 ? null : JSON.stringify(unfit);
    file.add(misfitsAt, unheld.length === 0 ? known : JSON.stringify(addMisfits(known, unheld)));
    if (unfit.length > 0) this.unfit = [];
    if (unheld.length > 0) this.unheld = [];
    this.parsed = undefined;
    file.endRow();
  }
}

/** How the properties of each version are found. */
function createFinders({ columns, versions }: TablePlan): (version: number) => FoundMembers {
  const finders = new Map<number, FoundMembers>();
  return (version) => {
    const known = version <= versions ? version : 0;
    let found = finders.get(known);
    if (found === undefined) {
      const used = columnsInUse(columns, known);
      found = createFindMembers(columns.map(({ path }, at) => (used[at] ? path : undefined)));
      finders.set(known, found);
    }
    return found;
  };
}

function versionOf({ source, starts, ends }: CutEvent): number {
  let version = 0;
  for (let at = starts[versionPlace]!; at < ends[versionPlace]!; at += 1) {
    version = version * 10 + source.bytes[at]! - 0x30;
  }
  return version;
}

type AddColumn = (encoder: ColumnEncoder, events: LotEvents, cut: CutEvent) => boolean;

/** Adds the columns that every event has, but for `misfits`. Returns those whose bytes are of no help: they wait. */
function addEventColumns(file: FileEncoder, events: LotEvents, cut: CutEvent): readonly number[] {
  let left = nothingLeft;
  for (let at = 0; at < eventAdders.length; at += 1) {
    if (at === misfitsAt || eventAdders[at]!(file.encoders[at]!, events, cut)) continue;
    left = [...left, at];
  }
  return left;
}

const nothingLeft: readonly number[] = [];

const eventAdders = eventColumns.map(eventAdder);

function eventAdder(column: EventColumn): AddColumn {
  const { name, type, field } = column;
  if (name === 'sequence') return addSequence;
  if (field === '') return addDeliveredAt(writeNanoseconds);
  const add = addPartOfEvent(column);
  const place = placeOf(field as MemberName);
  const isJson = type.kind === 'json';
  return (encoder, _events, { source, starts, ends }) => {
    const start = starts[place]!;
    const end = ends[place]!;
    if (start !== end && !(isJson && source.bytes[start] === letterN)) {
      return add(encoder, source, start, end);
    }
    encoder.addNull();
    return true;
  };
}

function addPartOfEvent({ type }: EventColumn): AddPart {
  if (type.kind === 'timestamp') return addNanoseconds;
  if (type.kind === 'integer') return addInteger;
  return type.kind === 'uuid' ? addUuid : addText;
}

const exactKinds: readonly string[] = ['integer', 'big_integer', 'decimal', 'number'];

/**
 * The value of a property that can be read without the others. Undefined for JSON whose text depends on them: with a
 * number that no double holds, all numbers of an event keep their spelling.
 */
function valueAlone(
  { bytes }: ByteSource,
  start: number,
  end: number,
  { kind }: LogicalType,
): JsonValue | undefined {
  const text = (): string => bytes.toString('utf8', start, end);
  const first = bytes[start]!;
  if (first === quote) return JSON.parse(text()) as string;
  if (first !== minus && !isDigit(first)) return undefined;
  if (exactKinds.includes(kind)) {
    const array = `[${text()}]`;
    return ((parseExactly(array) ?? parseJsonText(array)) as JsonValue[])[0];
  }
  const number = kind === 'double' ? Number(text()) : 0;
  return number !== 0 && Number.isFinite(number) ? number : undefined;
}

/** With every digit of its numbers. */
function eventOf(events: LotEvents): PayloadEvent {
  const texts = events.texts();
  try {
    return eventOfMembers(texts) ?? eventOfStored(storedOf(texts));
  } catch {
    return unparsedEvent(texts);
  }
}

/**
 * The spool takes more than our parser does, such as JSON with escaped names that is nested deeply. One such event
 * must not stop the file: its JSON stays as it is, and its properties have no columns.
 */
function unparsedEvent(texts: PayloadMembers): PayloadEvent {
  const { eventId, eventName, timestamp } = texts;
  const values = eventColumns.map(({ type, field }): ColumnValue => {
    const value = field === '' ? '' : texts[field as MemberName];
    if (value === '') return null;
    if (type.kind === 'timestamp') return readTime(value) ?? null;
    return type.kind === 'integer' ? Number(value) : value;
  });
  return { eventId, eventName, timestamp, schemaVersion: 0, values, properties: undefined };
}

/** An event of an earlier version has no time of its own. */
function storedOf(members: PayloadMembers): StoredEvent {
  const fields: Record<string, unknown> = {};
  for (const { type, field } of eventColumns) {
    const value = field === '' ? '' : members[field as MemberName];
    if (value === '') continue;
    const isText = type.kind !== 'json' && type.kind !== 'integer';
    fields[field] = isText ? value : (parseExactly(value) ?? parseJsonText(value));
  }
  return fields as unknown as StoredEvent;
}
