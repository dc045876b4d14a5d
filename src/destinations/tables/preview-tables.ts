import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { DestinationSettings, TablesPreview, TableStatements } from '../destination.ts';
import type { TableDialect } from './dialect.ts';
import {
  changesOf,
  planTable,
  planUnplanned,
  propertyOf,
  type PlanOptions,
  type TableChanges,
  type TablePlan,
} from './plan-table.ts';
import { TableFault } from './table-fault.ts';
import { tablesOf } from './table-mode.ts';

/** How an engine says what its tables lack. */
export interface TablesReader {
  /** The statements that make a table that does not exist. */
  readonly create: (plan: TablePlan, changes: TableChanges) => readonly string[];
  /** The statements that a table lacks. Throws a TableFault, or why the database cannot be read. */
  readonly missing: (plan: TablePlan) => Promise<readonly string[]>;
}

/** Compares the plans of contracts with the tables. Shows all statements if they cannot be read. */
export async function previewTables(
  contracts: readonly EventContract[],
  options: PlanOptions,
  { create, missing }: TablesReader,
): Promise<TablesPreview> {
  const plans = [
    planUnplanned(options),
    ...contracts.map((contract) => planTable(contract, options)),
  ];
  const tables: TableStatements[] = [];
  for (const plan of plans) {
    const known = aboutTable(plan);
    try {
      tables.push({ ...known, statements: await missing(plan) });
    } catch (error) {
      if (!(error instanceof TableFault)) {
        return { unread: (error as Error).message, tables: plans.map(whole) };
      }
      tables.push({ ...known, statements: [], fault: error.message });
    }
  }
  return { tables };

  function whole(plan: TablePlan): TableStatements {
    const changes = changesOf(plan, undefined, options.dialect);
    return { ...aboutTable(plan), statements: create(plan, changes) };
  }
}

function aboutTable(plan: TablePlan): Omit<TableStatements, 'statements' | 'fault'> {
  const { table, event, left, columns } = plan;
  const renamed = columns.flatMap((column) => {
    const property = propertyOf(column);
    return property === undefined ? [] : [{ column: column.name, property }];
  });
  return { table, event, left, renamed };
}

/** The tables of a destination, as its settings name them, for people. */
export interface UnreadTables {
  readonly name: string;
  readonly settings: DestinationSettings;
  readonly contracts: readonly EventContract[];
  readonly dialect: TableDialect;
  /** What makes a table. */
  readonly create: (plan: TablePlan) => readonly string[];
}

/** The whole tables of a destination that is not asked what it has. Undefined without tables of events. */
export async function previewUnread(unread: UnreadTables): Promise<TablesPreview | undefined> {
  const { name, settings, contracts, dialect, create } = unread;
  const { mode, prefix } = tablesOf(name, settings);
  if (mode === 'events') return undefined;
  const missing = (plan: TablePlan) => Promise.resolve(create(plan));
  return previewTables(contracts, { dialect, prefix }, { create, missing });
}
