import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { PayloadEvent } from '../tables/event-row.ts';
import { createContractTables } from '../tables/contract-tables.ts';
import { changesOf, type TablePlan } from '../tables/plan-table.ts';
import { notOurs, TableFault, wrongColumns } from '../tables/table-fault.ts';
import { bigqueryDialect, columnsOf } from './columns.ts';
import type { BigquerySettings } from './settings.ts';
import type { BigqueryTable, TableApi } from './table-api.ts';

/** The tables of a dataset, made what contracts say. */
export interface BigqueryTables {
  use(contracts: readonly EventContract[]): void;
  /** Of all events. */
  readonly events: TablePlan;
  /** The table of an event. Throws a TableFault if its version is not known here yet. */
  planOf(event: PayloadEvent, signal: AbortSignal): Promise<TablePlan>;
  /** Makes the table, and its columns. Throws a TableFault if it cannot, and a BigqueryError. */
  prepare(plan: TablePlan, signal: AbortSignal): Promise<void>;
  /** The table is not as it was: look again. */
  forget(table: string): void;
}

/** Plans that are kept: names of events without a contract have no limit. */
const plansMax = 2_000;

/** Two processes that make one table see the work of the other, and look again. */
const attemptsMax = 5;
const busyText = 'other processes change it all the time; it is tried again';

export function createBigqueryTables(settings: BigquerySettings, api: TableApi): BigqueryTables {
  const { prefix, table } = settings;
  const contracts = createContractTables({ dialect: bigqueryDialect, prefix });
  let inUse: readonly EventContract[] | undefined;
  let plans = new Map<string, TablePlan>();
  /** By table, with the plan by which it was made. */
  const ready = new Map<string, TablePlan>();
  const findPlan = async (event: string, signal: AbortSignal): Promise<TablePlan> => {
    const plan = contracts.planOf(event);
    if (plan !== undefined) return plan;
    // An event whose contract is gone keeps its table.
    const without = contracts.planWithout(event);
    const found = await api.read(without.table, signal);
    return found?.description === markOf(without) ? without : contracts.unplanned;
  };
  return {
    use(next) {
      if (next === inUse) return;
      inUse = next;
      contracts.use(next);
      plans = new Map();
    },
    events: { event: undefined, table, versions: 0, columns: [], left: 0 },
    async planOf(event, signal) {
      contracts.expectVersion(event);
      const { eventName } = event;
      const known = plans.get(eventName);
      if (known !== undefined) return known;
      if (plans.size >= plansMax) plans = new Map();
      const [found, keeping] = [await findPlan(eventName, signal), plans];
      keeping.set(eventName, found);
      return found;
    },
    async prepare(plan, signal) {
      if (ready.get(plan.table) === plan) return;
      for (let attempt = 1; !(await makeTable(api, plan, signal)); attempt += 1) {
        if (attempt >= attemptsMax) throw new TableFault(`table ${plan.table}: ${busyText}`);
      }
      if (ready.size >= plansMax) ready.clear();
      ready.set(plan.table, plan);
    },
    forget: (name) => void ready.delete(name),
  };
}

/** By which a table is known as one of ours. */
function markOf({ event }: TablePlan): string {
  return event === undefined
    ? 'Events, written by Headgate.'
    : `Events ${JSON.stringify(event)}, written by Headgate.`;
}

/** False if the table changed meanwhile. */
async function makeTable(api: TableApi, plan: TablePlan, signal: AbortSignal): Promise<boolean> {
  const { table } = plan;
  const found = await api.read(table, signal);
  const description = markOf(plan);
  const columns = columnsOf(plan);
  if (found === undefined) {
    const clustering = plan.event === undefined ? ['event_name'] : [];
    return api.create(table, { description, columns, clustering }, signal);
  }
  if (found.description !== description) throw notOurs(`table ${table}`);
  const changes = changesOf(plan, declaredIn(found), bigqueryDialect);
  if (changes.wrong.length > 0) throw wrongColumns(`table ${table}`, changes.wrong);
  const missing = new Set([...changes.addCommon, ...changes.add.map(({ name }) => name)]);
  if (missing.size === 0) return true;
  const added = columns.filter(({ name }) => missing.has(name));
  return api.add(table, found, added, signal);
}

function declaredIn({ fields }: BigqueryTable): ReadonlyMap<string, string> {
  // What was made with SQL has the names of SQL.
  const legacy = new Map([
    ['INT64', 'INTEGER'],
    ['FLOAT64', 'FLOAT'],
    ['BOOL', 'BOOLEAN'],
  ]);
  return new Map(fields.map(({ name, type }) => [name, legacy.get(type) ?? type]));
}
