import { hasMembers } from '../../event/changed-properties.ts';
import { parseExactly } from '../../event/exact-numbers.ts';
import { isJsonObject, type JsonValue } from '../../event/json/json.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import { readEventTime, type StoredEvent } from '../../event/stored-event.ts';
import { readTime } from '../../event/time/time-text.ts';
import { cutPayload, type PayloadMembers } from '../payload-members.ts';
import { eventColumns } from './event-columns.ts';
import { fitValue, type ColumnValue } from './fit-value.ts';
import type { PlannedColumn, TablePlan } from './plan-table.ts';

/** An event as far as rows need it, read from its payload. */
export interface PayloadEvent {
  readonly eventId: string;
  readonly eventName: string;
  readonly timestamp: string;
  /** 0 without one. */
  readonly schemaVersion: number;
  /** In the order of `eventColumns`. Null where it is not the event that has the value. */
  readonly values: readonly ColumnValue[];
  /** With numbers as they were written where a double would change them. */
  readonly properties: JsonValue | undefined;
}

/** What decides which table takes an event. */
export type NamedEvent = Pick<PayloadEvent, 'eventName' | 'timestamp' | 'schemaVersion'>;

/** A row of the table of an event. */
export interface EventRow {
  /** In the order of `eventColumns`. */
  readonly event: readonly ColumnValue[];
  /** In the order of the columns of the plan. */
  readonly properties: readonly ColumnValue[];
}

/** What a row says beside the event. */
export interface RowDelivery {
  readonly sequence: number;
  /** RFC 3339. */
  readonly deliveredAt: string;
}

export interface RowMaker {
  /** @param event from `readPayload`. */
  rowOf(event: PayloadEvent, delivery: RowDelivery): EventRow;
}

/** The event of a payload. Throws if it is not a stored event. */
export function readPayload(text: string): PayloadEvent {
  const members = cutPayload(text);
  const event = members && eventOfMembers(members);
  if (event !== undefined) return event;
  const value = parseExactly(text) ?? parseJsonText(text);
  if (!isJsonObject(value)) throw new TypeError('not a stored event: it is not an object');
  for (const field of requiredFields) {
    if (typeof value[field] !== 'string') {
      throw new TypeError(`not a stored event: it has no ${field}`);
    }
  }
  if (readTime(String(value['timestamp'])) === undefined) {
    throw new TypeError('not a stored event: its timestamp is not a time');
  }
  return eventOfStored(value as unknown as StoredEvent);
}

/** The event of a payload, or the reason why it can never be a row, which quotes nothing of it. */
export function readTypedPayload(text: string): PayloadEvent | string {
  try {
    return readPayload(text);
  } catch (error) {
    // V8 quotes the text around the error, which may be personal data.
    return error instanceof SyntaxError ? 'the payload is not JSON' : (error as Error).message;
  }
}

const requiredFields = eventColumns
  .filter(({ isRequired, field }) => isRequired && field !== '')
  .map(({ field }) => field as keyof PayloadMembers);

/**
 * The event of a payload that is cut: only the properties are parsed, and other JSON stays as it is. That takes
 * a third of the time. Undefined if a field is missing, or is not what it has to be.
 */
export function eventOfMembers(members: PayloadMembers): PayloadEvent | undefined {
  if (members.eventTime === '' || requiredFields.some((field) => members[field] === '')) {
    return undefined;
  }
  if (readTime(members.timestamp) === undefined) return undefined;
  const { eventId, eventName, timestamp, properties } = members;
  return {
    eventId,
    eventName,
    timestamp,
    schemaVersion: Number(members.schemaVersion),
    values: eventColumns.map(({ type, field }): ColumnValue => {
      const value = field === '' ? '' : members[field as keyof PayloadMembers];
      if (value === '') return null;
      if (type.kind === 'timestamp') return readTime(value) ?? null;
      if (type.kind === 'integer') return Number(value);
      return type.kind === 'json' && value === 'null' ? null : value;
    }),
    properties: properties === '' ? undefined : exactJson(properties),
  };
}

function exactJson(text: string): JsonValue {
  return parseExactly(text) ?? parseJsonText(text);
}

/** Slower, for every form of payload. */
export function eventOfStored(event: StoredEvent): PayloadEvent {
  const fields: Record<string, unknown> = { ...event, eventTime: readEventTime(event) };
  return {
    eventId: event.eventId,
    eventName: event.eventName,
    timestamp: event.timestamp,
    schemaVersion: event.schemaVersion ?? 0,
    values: eventColumns.map(({ type, field }) => {
      const value = fields[field] as JsonValue | undefined;
      // An id of earlier versions, or one that is no UUID, stays as it is.
      if (type.kind === 'uuid' && typeof value === 'string') return value;
      return fitValue(value, type) ?? null;
    }),
    properties: event.properties,
  };
}

/** Makes rows for a table. Which column a value goes to depends on the event's version alone. */
export function createRowMaker({ columns, versions }: TablePlan): RowMaker {
  const byVersion = new Map<number, readonly boolean[]>();
  const columnsOf = (version: number): readonly boolean[] => {
    let used = byVersion.get(version);
    if (used === undefined)
      byVersion.set(version, (used = columnsInUse(columns, version <= versions ? version : 0)));
    return used;
  };
  return {
    rowOf(event, { sequence, deliveredAt }) {
      const used = columnsOf(event.schemaVersion);
      const misfits: string[] = [];
      const properties = columns.map(({ name, path, type }, index): ColumnValue => {
        const value = used[index] === true ? valueAt(event.properties, path) : null;
        const fitting = fitValue(value, type);
        if (fitting === undefined) misfits.push(name);
        return fitting ?? null;
      });
      const values = event.values.slice();
      values[sequenceAt] = sequence;
      values[deliveredAtAt] = deliveredAt;
      values[misfitsAt] = misfits.length === 0 ? null : JSON.stringify(misfits);
      return { event: values, properties };
    },
  };
}

/** The misfits of a row, and after them those that its engine finds. `known` is JSON; null or undefined without any. */
export function addMisfits(known: unknown, more: readonly string[]): string[] {
  return [...new Set([...(JSON.parse(String(known ?? '[]')) as string[]), ...more])];
}

const placeOf = (column: string): number => eventColumns.findIndex(({ name }) => name === column);
const sequenceAt = placeOf('sequence');
const deliveredAtAt = placeOf('delivered_at');
export const misfitsAt = placeOf('misfits');

/**
 * Those of the event's version. Without one that is known, the newest of each property: its type may have
 * changed.
 */
export function columnsInUse(columns: readonly PlannedColumn[], version: number): boolean[] {
  if (version !== 0) return columns.map(({ versions }) => versions.includes(version));
  // By the last version that has them, not by when they were made: a type may have come back.
  const inOrder = columns.toSorted((one, other) => one.versions.at(-1)! - other.versions.at(-1)!);
  const newest = new Map(inOrder.map((column) => [JSON.stringify(column.path), column]));
  const used = new Set(newest.values());
  return columns.map((column) => used.has(column));
}

function valueAt(
  properties: JsonValue | undefined,
  path: readonly string[],
): JsonValue | undefined {
  let value = properties;
  for (const name of path) {
    if (value === undefined || !hasMembers(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}
