import { existsSync } from 'node:fs';
import path from 'node:path';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { parseExactly } from '../../event/exact-numbers.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import type { StoredEvent } from '../../event/stored-event.ts';
import { noMembers, type PayloadMembers } from '../payload-members.ts';
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
import { isWholeRow } from './whole-row.ts';
import { elementOf, parquetDialect, parquetValue } from './typed-columns.ts';

/** The files of a claim, by the folder of the table that each belongs to. */
export interface TypedFile {
  readonly table: string;
  encode(): Uint8Array;
}

export interface TypedFiles {
  /** Which table takes the events of a name. */
  tableOf(event: string): string;
  /**
   * The rows of a claim as files.
   *
   * @param tables the table of each name, as it was recorded with the claim.
   */
  filesOf(
    rows: readonly Readonly<Record<string, unknown>>[],
    tables: ReadonlyMap<string, string>,
  ): TypedFile[];
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
    filesOf(rows, tables) {
      const groups = new Map<string, { plan: TablePlan; rows: (typeof rows)[number][] }>();
      for (const row of rows) {
        const event = String(row['event_name']);
        const table = tables.get(event) ?? contracts.unplanned.table;
        const group = groups.get(table) ?? { plan: planOf(event, table), rows: [] };
        group.rows.push(row);
        groups.set(table, group);
      }
      return [...groups.values()].map(({ plan, rows: own }) => ({
        table: plan.table,
        encode: () => encodeRows(plan, own),
      }));
    },
  };
}

function encodeRows(
  plan: TablePlan,
  rows: readonly Readonly<Record<string, unknown>>[],
): Uint8Array {
  const maker = createRowMaker(plan);
  const columns = [...eventColumns, ...plan.columns];
  const made = columns.map(({ name, type }) => ({
    element: elementOf(name, type),
    hold: (value: Exclude<ColumnValue, null>) => parquetValue(value, type),
  }));
  const file = createFileEncoder(made, rows.length);
  for (const row of rows) {
    const { event, properties } = maker.rowOf(eventOf(row), {
      sequence: Number(row['sequence']),
      deliveredAt: String(row['delivered_at']),
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

/** The event of a row of the spool, with every digit of its numbers. */
function eventOf(row: Readonly<Record<string, unknown>>): PayloadEvent {
  if (isWholeRow(row)) {
    const text = String(row['properties']);
    return eventOfStored((parseExactly(text) ?? parseJsonText(text)) as unknown as StoredEvent);
  }
  const members = noMembers();
  for (const [name, field] of cells) {
    const value = row[name];
    if (typeof value === 'string') members[field] = value;
    else if (value !== null && value !== undefined) members[field] = String(value);
  }
  return eventOfMembers(members) ?? eventOfStored(storedOf(members));
}

const cells = eventColumns
  .filter(({ field }) => field !== '')
  .map(({ name, field }) => [name, field as keyof PayloadMembers] as const);

/** An event of an earlier version has no time of its own. */
function storedOf(members: PayloadMembers): StoredEvent {
  const fields: Record<string, unknown> = {};
  for (const { type, field } of eventColumns) {
    const value = field === '' ? '' : members[field as keyof PayloadMembers];
    if (value === '') continue;
    const isText = type.kind !== 'json' && type.kind !== 'integer';
    fields[field] = isText ? value : (parseExactly(value) ?? parseJsonText(value));
  }
  return fields as unknown as StoredEvent;
}
