import { plainEnd } from '../../../event/json/find-json.ts';
import { quote } from '../../../event/json/json-codes.ts';
import { readTime } from '../../../event/time/time-text.ts';
import type { PayloadHead } from '../../payload-bytes/payload-head.ts';
import { columnPlaces } from '../../payload-bytes/column-places.ts';
import { placeOf } from '../../payload-bytes/payload-places.ts';
import {
  createFindProperties,
  isNullAt,
  valueBetween,
} from '../../payload-bytes/planned-properties.ts';
import type { PropertyPlace } from '../../payload-bytes/property-places.ts';
import { readUtc } from '../../payload-bytes/read-time.ts';
import { eventColumns, type EventColumn } from '../../tables/event-columns.ts';
import { fitValue } from '../../tables/fit-value.ts';
import type { LogicalType } from '../../tables/logical-type.ts';
import type { TablePlan } from '../../tables/plan-table.ts';
import type { CopyLines } from './copy-lines.ts';

/**
 * Writes the line of a payload from its bytes, the same one as from its values (copy-rows.ts), and makes no objects. Returns
 * false, and writes nothing, if the line has to be made of its values: for a payload of another form than the gate
 * writes, and for one with a property that does not fit its column.
 */
export type WritePayloadLine = (lines: CopyLines, head: PayloadHead) => boolean;

export function createPayloadLines(plan: TablePlan): WritePayloadLine {
  const findProperties = createFindProperties(plan);
  const writers = plan.columns.map(({ type }) => propertyWriter(type));

  const writeProperties = (
    lines: CopyLines,
    bytes: Buffer,
    places: readonly (PropertyPlace | undefined)[],
    turn: number,
  ): boolean => {
    for (let at = 0; at < writers.length; at += 1) {
      const place = places[at];
      if (place === undefined || place.turn !== turn || isNullAt(bytes, place.start)) lines.none();
      else if (!writers[at]!(lines, bytes, place)) return false;
    }
    return true;
  };

  return (lines, head) => {
    const properties = findProperties(head);
    if (properties === undefined) return false;
    const { bytes } = head;
    const start = lines.place();
    const isWritten =
      writeEvent(lines, head) &&
      writeProperties(lines, bytes, properties.columns, properties.turn());
    if (isWritten) lines.endLine();
    else lines.cut(start);
    return isWritten;
  };
}

const backslash = 0x5c;
const zero = 0x30;

/** Writes the columns that every event has. False if one has to be read in another way. */
function writeEvent(lines: CopyLines, { bytes, base, places, sequence }: PayloadHead): boolean {
  const all = places.places;
  const hasBackslash = bytes.indexOf(backslash) !== -1;
  for (let at = 0; at < eventColumns.length; at += 1) {
    const member = columnPlaces[at]!;
    if (member < 0) {
      writeOwn(lines, eventColumns[at]!, sequence);
      continue;
    }
    const start = all[base + member]!;
    const end = all[base + member + 1]!;
    if (start === 0) {
      lines.none();
      continue;
    }
    switch (eventColumns[at]!.type.kind) {
      case 'timestamp':
        if (!writeTime(lines, bytes, start, end)) {
          if (eventColumns[at]!.isRequired) return false;
          lines.none();
        }
        break;
      case 'json':
        if (isNullAt(bytes, start)) lines.none();
        else if (hasBackslash) lines.json(bytes, start, end);
        else lines.copied(bytes, start, end);
        break;
      default:
        // JSON has no number that begins so.
        if (member === versionPlace && bytes[start] === zero && end > start + 1) return false;
        lines.copied(bytes, start, end);
    }
  }
  return true;
}

const versionPlace = placeOf('schemaVersion');

/** What the event does not say: columns that this process, or PostgreSQL, has the value of. */
function writeOwn(lines: CopyLines, { name }: EventColumn, sequence: number): void {
  if (name === 'sequence') lines.value(sequence);
  // PostgreSQL reads it as the time at which the transaction began: the same as now() for INSERT.
  else if (name === 'delivered_at') lines.value('now');
  else lines.none();
}

/** `2026-03-01T12:00:00.123Z`: other times are written in another way. */
const timeLength = 24;
const pointAt = 19;
const dot = 0x2e;

/** False, and nothing is written, if it is not a time. */
function writeTime(lines: CopyLines, bytes: Buffer, start: number, end: number): boolean {
  const isUsual = end - start === timeLength && bytes[start + pointAt] === dot;
  if (isUsual && readUtc(bytes, start, end)) {
    lines.copied(bytes, start, end);
    return true;
  }
  const time = readTime(bytes.toString('utf8', start, end));
  if (time === undefined) return false;
  lines.value(time);
  return true;
}

/** Writes a property that is not null. Returns false if its column cannot hold it. */
type WriteProperty = (lines: CopyLines, bytes: Buffer, place: PropertyPlace) => boolean;

/** From the bytes where that gives the same, else from the value. */
function propertyWriter(type: LogicalType): WriteProperty {
  const isAsIs = asIs(type);
  const isTime = type.kind === 'timestamp';
  const isOfText = isTime || type.kind === 'text' || type.kind === 'enum';
  return (lines, bytes, place) => {
    const { start, end } = place;
    if (isOfText && bytes[start] === quote && plainEnd(bytes, start + 1, end) === end - 1) {
      if (isTime) return writeTime(lines, bytes, start + 1, end - 1);
      lines.copied(bytes, start + 1, end - 1);
      return true;
    }
    if (isAsIs(bytes, place)) {
      lines.copied(bytes, start, end);
      return true;
    }
    const fitting = fitValue(valueBetween(bytes, start, end), type);
    if (fitting === undefined) return false;
    lines.value(fitting);
    return true;
  };
}

const [brace, bracket, letterF, letterT] = [0x7b, 0x5b, 0x66, 0x74];

/** Whether a column has the JSON of a value as it is. False for what is read as a value. */
function asIs(type: LogicalType): (bytes: Buffer, place: PropertyPlace) => boolean {
  switch (type.kind) {
    case 'integer':
    case 'big_integer':
      return (_bytes, { isShort, fraction }) => isShort && fraction === 0;
    case 'number':
    case 'double':
      return (_bytes, { isShort, isCanonical }) => isShort && isCanonical;
    case 'decimal':
      return (_bytes, { isShort, isCanonical, fraction }) =>
        isShort && isCanonical && fraction <= type.scale;
    case 'boolean':
      return (bytes, { start }) => bytes[start] === letterT || bytes[start] === letterF;
    case 'array':
      return (bytes, { start, isCanonical }) => isCanonical && bytes[start] === bracket;
    case 'map':
      return (bytes, { start, isCanonical }) => isCanonical && bytes[start] === brace;
    case 'json':
      return (_bytes, { isCanonical }) => isCanonical;
    default:
      return () => false;
  }
}
