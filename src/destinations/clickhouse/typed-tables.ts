import type { ClickHouseClient } from '@clickhouse/client';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { createContractTables } from '../tables/contract-tables.ts';
import { createRowMaker, type PayloadEvent } from '../tables/event-row.ts';
import { changesOf, type TablePlan } from '../tables/plan-table.ts';
import { notOurs, wrongColumns } from '../tables/table-fault.ts';
import type { InsertedRow, InsertTarget, QueryOptions } from './inserts.ts';
import { typedLine } from './typed-rows.ts';
import {
  clickhouseDialect,
  clickhouseStatements,
  clickhouseView,
  commentOf,
  plannedType,
  quoted,
  text,
  typedColumns,
} from './typed-statements.ts';

/** An event with what its row needs. */
export interface ClickhouseEvent extends InsertedRow {
  readonly event: PayloadEvent;
  /** In its batch. */
  readonly index: number;
}

export type TypedGroups = Map<InsertTarget<ClickhouseEvent>, ClickhouseEvent[]>;

/** The tables of events, with typed columns. */
export interface ClickhouseTables {
  use(contracts: readonly EventContract[]): void;
  /**
   * The events by the table that takes them. Throws a TableFault for an event of a version that is not
   * known here yet.
   */
  group(
    events: readonly ClickhouseEvent[],
    options: { readonly abort_signal: AbortSignal },
  ): Promise<TypedGroups>;
  /** The quoted names of all tables of events. */
  all(): Promise<string[]>;
}

/** Targets that are kept: names of events without a contract have no limit. */
const targetsMax = 2_000;

/** @param prefix of the names of tables. */
export function createClickhouseTables(client: ClickHouseClient, prefix: string): ClickhouseTables {
  const contracts = createContractTables({ dialect: clickhouseDialect, prefix });
  let used: readonly EventContract[] | undefined;
  let targets = new Map<string, InsertTarget<ClickhouseEvent>>();
  const unplanned = createTarget(client, contracts.unplanned);

  const targetOf = async (
    event: string,
    options: { readonly abort_signal: AbortSignal },
  ): Promise<InsertTarget<ClickhouseEvent>> => {
    const known = targets.get(event);
    if (known !== undefined) return known;
    const target = await findTarget(event, options);
    if (targets.size >= targetsMax) targets = new Map();
    targets.set(event, target);
    return target;
  };

  const findTarget = async (
    event: string,
    options: { readonly abort_signal: AbortSignal },
  ): Promise<InsertTarget<ClickhouseEvent>> => {
    const plan = contracts.planOf(event);
    if (plan !== undefined) return createTarget(client, plan);
    // An event whose contract is gone keeps its table, so that a second copy of it finds the first.
    const without = contracts.planWithout(event);
    const comment = await commentIn(client, without.table, options);
    return comment === commentOf(event) ? createTarget(client, without) : unplanned;
  };

  return {
    use(next) {
      if (next === used) return;
      used = next;
      contracts.use(next);
      targets = new Map();
    },
    async group(events, options) {
      const groups: TypedGroups = new Map();
      for (const each of events) {
        contracts.expectVersion(each.event);
        const target = await targetOf(each.event.eventName, options);
        const group = groups.get(target);
        if (group === undefined) groups.set(target, [each]);
        else group.push(each);
      }
      return groups;
    },
    async all() {
      const query = `
        SELECT name FROM system.tables WHERE database = currentDatabase()
          AND startsWith(comment, ${text(commentOf(''))}) AND engine != 'View'`;
      const answer = await client.query({ query, format: 'JSONEachRow' });
      return (await answer.json<{ name: string }>()).map(({ name }) => quoted(name));
    },
  };
}

function createTarget(client: ClickHouseClient, plan: TablePlan): InsertTarget<ClickhouseEvent> {
  const rows = createRowMaker(plan);
  const columns = typedColumns(plan);
  let isReady = false;
  return {
    table: quoted(plan.table),
    async prepare(options) {
      if (isReady) return;
      await makeTable(client, plan, options);
      isReady = true;
    },
    forget: () => void (isReady = false),
    columns: () => columns,
    lineOf: (row) =>
      typedLine(plan, rows.rowOf(row.event, { sequence: row.sequence, deliveredAt: '' })),
  };
}

/** Makes the table what its plan says, and its view. Throws a TableFault if it cannot. */
async function makeTable(
  client: ClickHouseClient,
  plan: TablePlan,
  options: QueryOptions,
): Promise<void> {
  const where = `table ${quoted(plan.table)}`;
  const comment = await commentIn(client, plan.table, options);
  if (comment !== undefined && comment !== commentOf(plan.event)) throw notOurs(where);
  const existing = comment === undefined ? undefined : await columnsIn(client, plan.table, options);
  const changes = changesOf(plan, existing, clickhouseDialect);
  if (changes.wrong.length > 0) throw wrongColumns(where, changes.wrong);
  for (const query of clickhouseStatements(plan, changes)) {
    await client.command({ query, ...options });
  }
  // Another worker may have made the table meanwhile, from an older contract.
  if (changes.create !== undefined) {
    const made = changesOf(plan, await columnsIn(client, plan.table, options), clickhouseDialect);
    if (made.wrong.length > 0) throw wrongColumns(where, made.wrong);
    for (const query of clickhouseStatements(plan, made)) {
      await client.command({ query, ...options });
    }
  }
  const view = clickhouseView(plan);
  if (view === undefined || plan.view === undefined) return;
  const known = await commentIn(client, plan.view.name, options);
  if (known !== undefined && known !== commentOf(plan.event)) {
    throw notOurs(`view ${quoted(plan.view.name)}`);
  }
  await client.command({ query: view, ...options });
}

type Asked = { readonly abort_signal: AbortSignal };

/** Undefined if there is no such table or view. */
async function commentIn(
  client: ClickHouseClient,
  table: string,
  { abort_signal }: Asked,
): Promise<string | undefined> {
  const query = `SELECT comment FROM system.tables
    WHERE database = currentDatabase() AND name = ${text(table)}`;
  const answer = await client.query({ query, format: 'JSONEachRow', abort_signal });
  const [row] = await answer.json<{ comment: string }>();
  return row?.comment;
}

async function columnsIn(
  client: ClickHouseClient,
  table: string,
  { abort_signal }: Asked,
): Promise<ReadonlyMap<string, string>> {
  const query = `DESCRIBE TABLE ${quoted(table)}`;
  const answer = await client.query({ query, format: 'JSONEachRow', abort_signal });
  const columns = await answer.json<{ name: string; type: string }>();
  return new Map(columns.map(({ name, type }) => [name, plannedType(name, type)]));
}
