import type { PoolClient } from 'pg';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { createContractTables } from '../tables/contract-tables.ts';
import { eventColumns } from '../tables/event-columns.ts';
import { createRowMaker, type EventRow, type NamedEvent } from '../tables/event-row.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import { copyRows, type LineMakers } from './copy/copy-rows.ts';
import {
  checkEmpty,
  copyStatements,
  type CopyStatements,
  type TableCopy,
} from './copy/copy-tables.ts';
import { createPayloadLines } from './copy/payload-line.ts';
import type { ReadDelivery } from './rows/read-delivery.ts';
import { isTableOf, makeTable, tablesAmong } from './table-register.ts';
import { textArray } from './rows/text-array.ts';
import { insertRows, postgresDialect, type SchemaPrefix } from './typed-statements.ts';

/** The tables of events. */
export interface PostgresTables {
  use(contracts: readonly EventContract[]): void;
  /**
   * Makes the tables of these events, each in a transaction of its own. Throws a TableFault if one cannot
   * take them. Returns what writes them, one for each table.
   *
   * @param byCopy instead of by `INSERT`. Throws a NoCopyError if they cannot.
   */
  prepare(
    client: PoolClient,
    events: readonly ReadDelivery[],
    byCopy: boolean,
  ): Promise<TableWrites>;
  /** The table of events without a contract has rows: from now on it is searched. */
  expectUnplanned(): void;
  /** A table is not as it was: look again. */
  forget(): void;
  /** The table of this event may not be as it was. */
  forgetTableOf(eventName: string): void;
}

interface OpenTable {
  readonly plan: TablePlan;
  readonly lines: LineMakers;
  readonly statement: string;
  readonly copy: CopyStatements;
}

export function createPostgresTables(schema: SchemaPrefix, prefix: string): PostgresTables {
  const contracts = createContractTables({ dialect: postgresDialect, prefix });
  let inUse: readonly EventContract[] | undefined;
  let open = new Map<string, OpenTable>();
  let hasUnplanned = false;
  let isEmpty = true;
  const check = checkEmpty(schema, contracts.unplanned);

  const planOf = async (client: PoolClient, event: string): Promise<TablePlan> => {
    const plan = contracts.planOf(event);
    if (plan !== undefined) return plan;
    // An event whose contract is gone keeps its table, so that a second copy of it finds the first.
    const without = contracts.planWithout(event);
    const isThere = await isTableOf(client, schema, without.table, event);
    return isThere ? without : contracts.unplanned;
  };

  /** Another worker, with newer contracts, may have made their tables since these events were looked for. */
  const forgetPlanned = async (
    client: PoolClient,
    names: ReadonlySet<string>,
    opened: Map<string, OpenTable>,
  ): Promise<void> => {
    const events = [...names].filter((name) => opened.get(name)?.plan === contracts.unplanned);
    if (events.length === 0) return;
    const wanted = new Map(events.map((event) => [event, contracts.planWithout(event).table]));
    for (const event of await tablesAmong(client, schema, wanted)) opened.delete(event);
  };

  const openTable = async (client: PoolClient, event: string): Promise<OpenTable> => {
    const plan = await planOf(client, event);
    await makeTable(client, schema, plan);
    const statement = insertRows(schema, plan, contracts.unplanned);
    const copy = copyStatements(schema, plan, contracts.unplanned);
    const lines = { fromBytes: createPayloadLines(plan), rows: createRowMaker(plan) };
    return { plan, lines, statement, copy };
  };

  /** The plan that is open is of the contracts in force: most events need no more than that. */
  const expectVersion = (event: NamedEvent): void => {
    const { eventName, schemaVersion } = event;
    if (schemaVersion > (open.get(eventName)?.plan.versions ?? 0)) contracts.expectVersion(event);
  };

  const forget = (): void => {
    open = new Map();
    hasUnplanned = false;
  };

  return {
    use(next) {
      if (next === inUse) return;
      inUse = next;
      contracts.use(next);
      open = new Map();
    },
    async prepare(client, events, byCopy) {
      for (const event of events) expectVersion(event.named());
      if (!hasUnplanned) await makeTable(client, schema, contracts.unplanned);
      hasUnplanned = true;
      // Names of events without a contract have no limit.
      if (open.size >= tablesOpenMax) open = new Map();
      // A change of contracts during a wait makes another map.
      const opening = open;
      const names = new Set(events.map((event) => event.named().eventName));
      await forgetPlanned(client, names, opening);
      for (const name of names) {
        if (!opening.has(name)) opening.set(name, await openTable(client, name));
      }
      return { ...writesOf(events, opening, byCopy), checkEmpty: isEmpty ? check : undefined };
    },
    expectUnplanned: () => void (isEmpty = false),
    forget,
    forgetTableOf: (eventName) => void open.delete(eventName),
  };
}

/** Statements that are kept. */
const tablesOpenMax = 2000;

/** As a query of pg takes it. */
export interface InsertStatement {
  readonly text: string;
  /** One array for each column: text-array.ts. */
  readonly values: (Buffer | null)[];
}

/** What writes the rows of some tables. Either of the two is empty. */
export interface TableWrites {
  readonly inserts: readonly InsertStatement[];
  readonly copies: readonly TableCopy[];
  /** As `runCopies` takes it. */
  readonly checkEmpty: string | undefined;
}

/** In the order of the tables' names: two workers lock them in the same order. */
function writesOf(
  events: readonly ReadDelivery[],
  open: ReadonlyMap<string, OpenTable>,
  byCopy: boolean,
): Omit<TableWrites, 'checkEmpty'> {
  const groups = new Map<string, { table: OpenTable; events: ReadDelivery[] }>();
  for (const event of events) {
    const table = open.get(event.named().eventName)!;
    let group = groups.get(table.plan.table);
    if (group === undefined) groups.set(table.plan.table, (group = { table, events: [] }));
    group.events.push(event);
  }
  const inOrder = [...groups]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([, group]) => group);
  if (byCopy) {
    const copies = inOrder.map(({ table, events: ofTable }) => ({
      statements: table.copy,
      rows: copyRows(table.lines, ofTable),
    }));
    return { inserts: [], copies };
  }
  const inserts = inOrder.map(({ table, events: ofTable }) => ({
    text: table.statement,
    values: arraysOf(table, rowsOf(table, ofTable)),
  }));
  return { inserts, copies: [] };
}

/** Without those that turn out to be dead. */
function rowsOf({ lines }: OpenTable, events: readonly ReadDelivery[]): EventRow[] {
  return events.flatMap((delivery) => {
    const { sequence } = delivery;
    const event = delivery.event();
    return typeof event === 'string'
      ? []
      : [lines.rows.rowOf(event, { sequence, deliveredAt: '' })];
  });
}

const deliveredAt = eventColumns.findIndex(({ name }) => name === 'delivered_at');

/** Null instead of an array of nulls, of which most tables have several: `unnest` fills up the shorter ones with nulls. */
function arraysOf({ plan }: OpenTable, rows: readonly EventRow[]): (Buffer | null)[] {
  const ofEvent = eventColumns.map((_column, at) => rows.map(({ event }) => asText(event[at])));
  const ofProperties = plan.columns.map((_column, at) =>
    rows.map(({ properties }) => asText(properties[at])),
  );
  const columns = [...ofEvent.toSpliced(deliveredAt, 1), ...ofProperties];
  return columns.map((values) =>
    values.every((value) => value === null) ? null : textArray(values),
  );
}

/** PostgreSQL reads each value by the type of its column. */
function asText(value: EventRow['event'][number] | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
