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
import type { TablePlan } from '../tables/plan-table.ts';
import type { FileColumn } from './file.ts';
import { isWholeRow } from './whole-row.ts';
import { elementOf, parquetDialect, parquetValue, type ParquetValue } from './typed-columns.ts';

/** The files of a claim, by the folder of the table that each belongs to. */
export interface TypedFile {
  readonly table: string;
  columns(): FileColumn[];
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
        columns: () => columnsOf(plan, own),
      }));
    },
  };
}

function columnsOf(
  plan: TablePlan,
  rows: readonly Readonly<Record<string, unknown>>[],
): FileColumn[] {
  const maker = createRowMaker(plan);
  const all = [...eventColumns, ...plan.columns];
  const data = all.map((): ParquetValue[] => []);
  for (const row of rows) {
    const made = maker.rowOf(eventOf(row), {
      sequence: Number(row['sequence']),
      deliveredAt: String(row['delivered_at']),
    });
    const misfits: string[] = [];
    for (const [at, value] of [...made.event, ...made.properties].entries()) {
      const { name, type } = all[at]!;
      const held = parquetValue(value, type);
      if (held === undefined) misfits.push(name);
      data[at]!.push(held ?? null);
    }
    if (misfits.length === 0) continue;
    data[misfitsAt]!.push(JSON.stringify(addMisfits(data[misfitsAt]!.pop(), misfits)));
  }
  return all.map(({ name, type }, at) => ({ element: elementOf(name, type), data: data[at]! }));
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
    if (value !== null && value !== undefined) members[field] = String(value);
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
