import type { ClickHouseClient } from '@clickhouse/client';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { createContractTables } from '../tables/contract-tables.ts';
import { createRowMaker, type PayloadEvent } from '../tables/event-row.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import type { InsertedRow, InsertTarget } from './inserts.ts';
import { encodeLines, piecesOf, type RowBytes } from './tab-separated.ts';
import { findEventTables, isTableOf, makeTable, tablesAmong } from './table-register.ts';
import { createUnplannedRows } from './unplanned-rows.ts';
import { createLines } from './typed-rows.ts';
import { clickhouseDialect, quoted, typedColumns } from './typed-statements.ts';

/** An event with what its row needs. */
export interface ClickhouseEvent {
  readonly event: PayloadEvent;
  readonly sequence: number;
  /** In its batch. */
  readonly index: number;
  /** typed-rows.ts. */
  readonly isPlain: boolean;
}

/** The row of an event, which has no more of it than it needs: thousands wait for their insert. */
export interface TypedRow extends InsertedRow, RowBytes {
  readonly eventName: string;
  readonly index: number;
}

/** The table of an event. */
export interface TypedTarget extends InsertTarget<TypedRow> {
  rowsOf(events: readonly ClickhouseEvent[]): TypedRow[];
}

export type TypedGroups = Map<TypedTarget, ClickhouseEvent[]>;

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
  /**
   * Removes events that have a row in their table from the one of events without a contract, where they came
   * before they had one. All are of one name.
   */
  moveUnplanned(
    target: TypedTarget,
    rows: readonly TypedRow[],
    options: { readonly abort_signal: AbortSignal },
  ): Promise<void>;
  /** The quoted names of the tables of events that have rows. */
  all(): Promise<string[]>;
}

/** Targets that are kept: names of events without a contract have no limit. */
const targetsMax = 2_000;

/** @param prefix of the names of tables. */
export function createClickhouseTables(client: ClickHouseClient, prefix: string): ClickhouseTables {
  const contracts = createContractTables({ dialect: clickhouseDialect, prefix });
  let used: readonly EventContract[] | undefined;
  let targets = new Map<string, TypedTarget>();
  const unplanned = createTarget(client, contracts.unplanned);
  const left = createUnplannedRows(client, unplanned.table);

  const targetOf = async (
    event: string,
    options: { readonly abort_signal: AbortSignal },
  ): Promise<TypedTarget> => {
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
  ): Promise<TypedTarget> => {
    const plan = contracts.planOf(event);
    if (plan !== undefined) return createTarget(client, plan);
    // An event whose contract is gone keeps its table, so that a second copy of it finds the first.
    const without = contracts.planWithout(event);
    const isThere = await isTableOf(client, without.table, event, options);
    return isThere ? createTarget(client, without) : unplanned;
  };

  /** Another worker, with newer contracts, may have made their tables since these events were looked for. */
  const forgetPlanned = async (
    names: ReadonlySet<string>,
    options: { readonly abort_signal: AbortSignal },
  ): Promise<void> => {
    const events = [...names].filter((name) => targets.get(name) === unplanned);
    if (events.length === 0) return;
    const wanted = new Map(events.map((event) => [event, contracts.planWithout(event).table]));
    for (const event of await tablesAmong(client, wanted, options)) targets.delete(event);
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
      for (const { event } of events) contracts.expectVersion(event);
      await forgetPlanned(new Set(events.map(({ event }) => event.eventName)), options);
      for (const each of events) {
        const target = await targetOf(each.event.eventName, options);
        const group = groups.get(target);
        if (group === undefined) groups.set(target, [each]);
        else group.push(each);
      }
      return groups;
    },
    async moveUnplanned(target, rows, { abort_signal }) {
      const [first] = rows;
      if (first === undefined || target === unplanned) return;
      const ids = rows.map(({ eventId }) => eventId);
      await left.remove(target, first.eventName, ids, abort_signal);
    },
    all: () => findEventTables(client, prefix),
  };
}

function createTarget(client: ClickHouseClient, plan: TablePlan): TypedTarget {
  const rows = createRowMaker(plan);
  const columns = typedColumns(plan);
  const lineOf = createLines(plan);
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
    textOf: piecesOf,
    rowsOf(events) {
      const lines = events.map(({ event, sequence, isPlain }) =>
        lineOf(rows.rowOf(event, { sequence, deliveredAt: '' }), isPlain),
      );
      const encoded = encodeLines(lines);
      return events.map(({ event: { eventId, eventName }, sequence, index }, at) => ({
        ...encoded[at]!,
        eventId,
        eventName,
        sequence,
        index,
      }));
    },
  };
}
