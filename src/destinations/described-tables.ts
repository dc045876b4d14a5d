import type { EventContract } from '../event/contracts/event-contract.ts';
import { createContractTables } from './tables/contract-tables.ts';
import type { TableDialect } from './tables/dialect.ts';
import { eventColumns } from './tables/event-columns.ts';
import type { PayloadEvent } from './tables/event-row.ts';
import { changesOf, type TablePlan } from './tables/plan-table.ts';
import { notOurs, TableFault, wrongColumns } from './tables/table-fault.ts';

/** A column as its engine declares it. */
export interface DeclaredColumn {
  readonly name: string;
  readonly declared: string;
}

/** A table as the engine reports it. */
export interface DescribedTable {
  readonly description: string;
  /** The declared type of each column, by its name. */
  readonly columns: ReadonlyMap<string, string>;
}

export interface NewTable {
  readonly description: string;
  readonly columns: readonly DeclaredColumn[];
  /** Columns by which rows should lie together. */
  readonly clustering: readonly string[];
}

/**
 * What makes and changes tables.
 *
 * @typeParam Call what each call needs: a signal, a session.
 */
export interface TableApi<Call, Found extends DescribedTable = DescribedTable> {
  /** Undefined if there is no such table. */
  read(table: string, call: Call): Promise<Found | undefined>;
  /** False if it is there already. */
  create(table: string, made: NewTable, call: Call): Promise<boolean>;
  /** Adds columns. False if the table was changed after it was read. */
  add(table: string, as: Found, columns: readonly DeclaredColumn[], call: Call): Promise<boolean>;
}

/** The tables of a warehouse, made what contracts say, and known as ours by their description. */
export interface DescribedTables<Call> {
  use(contracts: readonly EventContract[]): void;
  /** Of all events. */
  readonly events: TablePlan;
  /** Of events without a contract. */
  readonly unplanned: TablePlan;
  /** The table of an event. Throws a TableFault if its version is not known here yet. */
  planOf(event: PayloadEvent, call: Call): Promise<TablePlan>;
  /** Makes the table, and its columns. Throws a TableFault if it cannot, and what the API throws. */
  prepare(plan: TablePlan, call: Call): Promise<void>;
  /** The table is not as it was: look again. */
  forget(table: string): void;
}

export interface DescribedTablesOptions {
  readonly dialect: TableDialect;
  readonly prefix: string;
  /** The table of all events. */
  readonly table: string;
}

/** In the order of the values of a row. */
export function declaredColumns(
  { columns }: Pick<TablePlan, 'columns'>,
  dialect: TableDialect,
): readonly DeclaredColumn[] {
  return [
    ...eventColumns.map(({ name, type }) => ({ name, declared: dialect.typeOf(type) })),
    ...columns.map(({ name, declared }) => ({ name, declared })),
  ];
}

/** Plans that are kept: names of events without a contract have no limit. */
const plansMax = 2_000;

/** Two processes that make one table see the work of the other, and look again. */
const attemptsMax = 5;
const busyText = 'other processes change it all the time; it is tried again';

export function createDescribedTables<Call, Found extends DescribedTable>(
  { dialect, prefix, table }: DescribedTablesOptions,
  api: TableApi<Call, Found>,
): DescribedTables<Call> {
  const contracts = createContractTables({ dialect, prefix });
  let inUse: readonly EventContract[] | undefined;
  let plans = new Map<string, TablePlan>();
  /** By table, with the plan by which it was made. */
  const ready = new Map<string, TablePlan>();
  const findPlan = async (event: string, call: Call): Promise<TablePlan> => {
    const plan = contracts.planOf(event);
    if (plan !== undefined) return plan;
    // An event whose contract is gone keeps its table.
    const without = contracts.planWithout(event);
    const found = await api.read(without.table, call);
    return found?.description === markOf(without) ? without : contracts.unplanned;
  };
  return {
    use(next) {
      if (next === inUse) return;
      inUse = next;
      contracts.use(next);
      plans = new Map();
    },
    unplanned: contracts.unplanned,
    events: { event: undefined, table, versions: 0, columns: [], left: 0 },
    async planOf(event, call) {
      contracts.expectVersion(event);
      const { eventName } = event;
      const known = plans.get(eventName);
      if (known !== undefined) return known;
      if (plans.size >= plansMax) plans = new Map();
      const [found, keeping] = [await findPlan(eventName, call), plans];
      keeping.set(eventName, found);
      return found;
    },
    async prepare(plan, call) {
      if (ready.get(plan.table) === plan) return;
      for (let attempt = 1; !(await makeTable({ api, dialect, call }, plan)); attempt += 1) {
        if (attempt >= attemptsMax) throw new TableFault(`table ${plan.table}: ${busyText}`);
      }
      if (ready.size >= plansMax) ready.clear();
      ready.set(plan.table, plan);
    },
    forget: (name) => void ready.delete(name),
  };
}

/** By which a table is known as one of ours. */
export function markOf({ event }: Pick<TablePlan, 'event'>): string {
  return event === undefined
    ? 'Events, written by Headgate.'
    : `Events ${JSON.stringify(event)}, written by Headgate.`;
}

/** False if the table changed meanwhile. */
async function makeTable<Call, Found extends DescribedTable>(
  { api, dialect, call }: { api: TableApi<Call, Found>; dialect: TableDialect; call: Call },
  plan: TablePlan,
): Promise<boolean> {
  const { table } = plan;
  const found = await api.read(table, call);
  const description = markOf(plan);
  const columns = declaredColumns(plan, dialect);
  if (found === undefined) {
    const clustering = plan.event === undefined ? ['event_name'] : [];
    return api.create(table, { description, columns, clustering }, call);
  }
  if (found.description !== description) throw notOurs(`table ${table}`);
  const changes = changesOf(plan, found.columns, dialect);
  if (changes.wrong.length > 0) throw wrongColumns(`table ${table}`, changes.wrong);
  const missing = new Set([...changes.addCommon, ...changes.add.map(({ name }) => name)]);
  if (missing.size === 0) return true;
  const added = columns.filter(({ name }) => missing.has(name));
  return api.add(table, found, added, call);
}
