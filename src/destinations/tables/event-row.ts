import { hasMembers } from '../../event/changed-properties.ts';
import { parseExactly } from '../../event/exact-numbers.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import { readEventTime, type StoredEvent } from '../../event/stored-event.ts';
import { readTime } from '../../event/time/time-text.ts';
import { eventColumns } from './event-columns.ts';
import { fitValue, type ColumnValue } from './fit-value.ts';
import type { PlannedColumn, TablePlan } from './plan-table.ts';

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
  rowOf(event: StoredEvent, delivery: RowDelivery): EventRow;
}

/**
 * The event of a payload, with numbers as they were written where a double would change them. Throws if
 * it is not a stored event.
 */
export function readPayload(text: string): StoredEvent {
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
  return value as unknown as StoredEvent;
}

/** The event of a payload, or the reason why it can never be a row, which quotes nothing of it. */
export function readTypedPayload(text: string): StoredEvent | string {
  try {
    return readPayload(text);
  } catch (error) {
    // V8 quotes the text around the error, which may be personal data.
    return error instanceof SyntaxError ? 'the payload is not JSON' : (error as Error).message;
  }
}

const requiredFields = eventColumns
  .filter(({ isRequired, field }) => isRequired && field !== '')
  .map(({ field }) => field);

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
    rowOf(event, delivery) {
      const used = columnsOf(event.schemaVersion ?? 0);
      const misfits: string[] = [];
      const properties = columns.map(({ name, path, type }, index): ColumnValue => {
        const value = used[index] === true ? valueAt(event.properties, path) : null;
        const fitting = fitValue(value, type);
        if (fitting === undefined) misfits.push(name);
        return fitting ?? null;
      });
      return { event: eventValues(event, delivery, misfits), properties };
    },
  };
}

/**
 * Those of the event's version. Without one that is known, the newest of each property: its type may have
 * changed.
 */
function columnsInUse(columns: readonly PlannedColumn[], version: number): boolean[] {
  if (version !== 0) return columns.map(({ versions }) => versions.includes(version));
  const newest = new Map(columns.map((column) => [JSON.stringify(column.path), column]));
  const used = new Set(newest.values());
  return columns.map((column) => used.has(column));
}

function valueAt(
  properties: JsonObject | undefined,
  path: readonly string[],
): JsonValue | undefined {
  let value: JsonValue | undefined = properties;
  for (const name of path) {
    if (value === undefined || !hasMembers(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

function eventValues(
  event: StoredEvent,
  { sequence, deliveredAt }: RowDelivery,
  misfits: readonly string[],
): ColumnValue[] {
  const fields: Record<string, unknown> = { ...event, eventTime: readEventTime(event) };
  return eventColumns.map(({ name, type, field }) => {
    if (name === 'sequence') return sequence;
    if (name === 'delivered_at') return deliveredAt;
    if (name === 'misfits') return misfits.length === 0 ? null : JSON.stringify(misfits);
    const value = fields[field] as JsonValue | undefined;
    // An id of earlier versions, or one that is no UUID, stays as it is.
    if (type.kind === 'uuid' && typeof value === 'string') return value;
    return fitValue(value, type) ?? null;
  });
}
