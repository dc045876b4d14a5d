import { existsSync } from 'node:fs';
import path from 'node:path';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { createContractTables } from '../tables/contract-tables.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import type { LotEvents } from './spool/lot-events.ts';
import { parquetDialect } from './typed-columns.ts';
import { encodeTypedRows } from './typed-rows.ts';

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
   * @param byName the places of the events of each name, in their order.
   * @param tables the table of each name, as it was recorded with the lot.
   */
  filesOf(
    events: LotEvents,
    byName: ReadonlyMap<string, readonly number[]>,
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
    filesOf(events, byName, tables) {
      const groups = new Map<string, { plan: TablePlan; parts: (readonly number[])[] }>();
      for (const [event, places] of byName) {
        const table = tables.get(event) ?? contracts.unplanned.table;
        const group = groups.get(table);
        if (group === undefined) groups.set(table, { plan: planOf(event, table), parts: [places] });
        else group.parts.push(places);
      }
      return [...groups.values()].map(({ plan, parts }) => ({
        table: plan.table,
        encode: () => encodeTypedRows(plan, events, merged(parts)),
      }));
    },
  };
}

/** In the order of the lot. */
function merged(parts: readonly (readonly number[])[]): readonly number[] {
  return parts.length === 1 ? parts[0]! : parts.flat().sort((one, other) => one - other);
}
