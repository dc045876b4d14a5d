import { existsSync } from 'node:fs';
import path from 'node:path';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { parseExactly } from '../../event/exact-numbers.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import type { StoredEvent } from '../../event/stored-event.ts';
import { readTime } from '../../event/time/time-text.ts';
import { createContractTables } from '../tables/contract-tables.ts';
import { eventColumns } from '../tables/event-columns.ts';
import {
  addMisfits,
  createRowMaker,
  eventOfMembers,
  eventOfStored,
  misfitsAt,
  type PayloadEvent,
} from '../tables/event-row.ts';
import type { ColumnValue } from '../tables/fit-value.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import { createFileEncoder } from './encode/file-encoder.ts';
import type { MemberName } from './spool/cut-event.ts';
import type { LotEvents } from './spool/lot-events.ts';
import type { PayloadMembers } from '../payload-members.ts';
import { elementOf, parquetDialect, parquetValue } from './typed-columns.ts';

/** The files of a lot, by the folder of the table that each belongs to. */
export interface TypedFile {
  readonly table: string;
  encode(): Uint8Array;
}

export interface TypedFiles {
  /** Which table takes the events of a name. */
  tableOf(event: string): string;
  /**
   * The files of events of a lot.
   *
   * @param tables the table of each name, as it was recorded with the lot.
   */
  filesOf(events: LotEvents, places: Uint32Array, tables: ReadonlyMap<string, string>): TypedFile[];
}

/** @param folder of all files. */
export function createTypedFiles(
  folder: string,
  prefix: string,
  known: readonly EventContract[],
): TypedFiles {
  const contracts = createContractTables({ dialect: parquetDialect, prefix });
  contracts.use(known);
  const planOf = (event: string, table: string): TablePlan => {
    if (table === contracts.unplanned.table) return contracts.unplanned;
    return { ...(contracts.planOf(event) ?? contracts.planWithout(event)), table };
  };
  return {
    tableOf(event) {
      const plan = contracts.planOf(event);
      if (plan !== undefined) return plan.table;
      // An event whose contract is gone keeps its folder.
      const without = contracts.planWithout(event).table;
      return existsSync(path.join(folder, without)) ? without : contracts.unplanned.table;
    },
    filesOf(events, places, tables) {
      const groups = new Map<string, { plan: TablePlan; places: number[] }>();
      for (const place of places) {
        events.go(place);
        const event = events.text('eventName');
        const table = tables.get(event) ?? contracts.unplanned.table;
        let group = groups.get(table);
        if (group === undefined)
          groups.set(table, (group = { plan: planOf(event, table), places: [] }));
        group.places.push(place);
      }
      return [...groups.values()].map(({ plan, places: own }) => ({
        table: plan.table,
        encode: () => encodeRows(plan, events, own),
      }));
    },
  };
}

function encodeRows(plan: TablePlan, events: LotEvents, places: readonly number[]): Uint8Array {
  const maker = createRowMaker(plan);
  const columns = [...eventColumns, ...plan.columns];
  const made = columns.map(({ name, type }) => ({
    element: elementOf(name, type),
    hold: (value: Exclude<ColumnValue, null>) => parquetValue(value, type),
    hasBounds: type.kind !== 'json',
  }));
  const file = createFileEncoder(made, places.length);
  for (const place of places) {
    events.go(place);
    const { event, properties } = maker.rowOf(eventOf(events), {
      sequence: events.sequence(),
      deliveredAt: events.deliveredAt(),
    });
    const misfits: string[] = [];
    for (let at = 0; at < columns.length; at += 1) {
      if (at === misfitsAt) continue;
      const value = at < event.length ? event[at] : properties[at - event.length];
      if (!file.add(at, value ?? null)) misfits.push(columns[at]!.name);
    }
    const known = event[misfitsAt] ?? null;
    const all = misfits.length === 0 ? known : JSON.stringify(addMisfits(known, misfits));
    file.add(misfitsAt, all);
    file.endRow();
  }
  return file.end();
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
