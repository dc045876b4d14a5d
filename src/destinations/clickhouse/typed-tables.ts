import type { ClickHouseClient } from '@clickhouse/client';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { isUuid } from '../../event/event-id.ts';
import { readTime } from '../../event/time/time-text.ts';
import type { Delivery } from '../destination.ts';
import { createContractTables } from '../tables/contract-tables.ts';
import {
  createRowMaker,
  readTypedPayload,
  type NamedEvent,
  type PayloadEvent,
} from '../tables/event-row.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import type { InsertedRow, InsertTarget } from './inserts.ts';
import type { PayloadHead } from '../payload-bytes/payload-head.ts';
import { payloadText } from './rows/payload-text.ts';
import { binaryLayout, hasColumns, textLayout, type RowLayout } from './rows/row-layout.ts';
import { BinaryRows } from './rows/row-binary.ts';
import type { RowWriter } from './rows/row-writer.ts';
import { createPayloadWriting } from './rows/typed-payloads.ts';
import { createRowWriting, isColumnTime } from './rows/typed-rows.ts';
import { findEventTables, isTableOf, makeTable, tablesAmong } from './table-register.ts';
import { readTypes } from './table-types.ts';
import { clickhouseDialect, quoted, typedColumns } from './typed-statements.ts';
import { createUnplannedRows } from './unplanned-rows.ts';

/** An event with what its row needs. */
export interface ClickhouseEvent extends NamedEvent {
  readonly event: PayloadEvent;
  readonly delivery: Delivery;
  /** In its batch. */
  readonly index: number;
  /** All texts of the event are ASCII, also those that it has with escapes. */
  readonly isAscii: boolean;
}

/** The table of an event. */
export interface TypedTarget extends InsertTarget {
  /** Whose rows the table has; undefined for events without a contract. */
  readonly event: string | undefined;
  /**
   * Writes the rows of payloads whose heads were read. Adds those to `left` whose rows have to be made of their
   * values.
   */
  rowsOfHeads(
    heads: readonly PayloadHead[],
    writers: RowWriters,
    left: PayloadHead[],
  ): InsertedRow[];
  /** Writes the rows of events. */
  rowsOf(events: readonly ClickhouseEvent[], writers: RowWriters): InsertedRow[];
}

/** What writes rows in each layout, for one batch: its tables share their buffers. */
export type RowWriters = Map<RowLayout['format'], RowWriter>;

/** The tables of events, with typed columns. */
export interface ClickhouseTables {
  use(contracts: readonly EventContract[]): void;
  /**
   * The events by the table that takes them. Throws a TableFault for an event of a version that is not
   * known here yet.
   */
  group<Event extends NamedEvent>(
    events: readonly Event[],
    options: { readonly abort_signal: AbortSignal },
  ): Promise<Map<TypedTarget, Event[]>>;
  /**
   * Removes events that have a row in their table from the one of events without a contract, where they came
   * before they had one.
   *
   * @param ids of the events.
   */
  moveUnplanned(
    target: TypedTarget,
    ids: () => string[],
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
    names: Iterable<string>,
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
    async group<Event extends NamedEvent>(
      events: readonly Event[],
      options: { readonly abort_signal: AbortSignal },
    ) {
      for (const each of events) contracts.expectVersion(each);
      const byName = Map.groupBy(events, ({ eventName }) => eventName);
      await forgetPlanned(byName.keys(), options);
      const groups = new Map<TypedTarget, Event[]>();
      for (const [name, group] of byName) {
        const target = await targetOf(name, options);
        const before = groups.get(target);
        if (before === undefined) groups.set(target, group);
        else for (const each of group) before.push(each);
      }
      return groups;
    },
    async moveUnplanned(target, ids, { abort_signal }) {
      if (target.event === undefined) return;
      await left.remove(target, target.event, ids, abort_signal);
    },
    all: () => findEventTables(client, prefix),
  };
}

function createTarget(client: ClickHouseClient, plan: TablePlan): TypedTarget {
  const rowMaker = createRowMaker(plan);
  const columns = typedColumns(plan);
  const writeRow = createRowWriting(plan);
  const table = quoted(plan.table);
  const binary = binaryLayout(columns);
  let layout = binary;
  let isReady = false;
  const writePayload = createPayloadWriting(plan);
  const writerOf = (writers: RowWriters): RowWriter => {
    const { format } = layout;
    const writer = writers.get(format) ?? layout.rows();
    writers.set(format, writer);
    return writer;
  };
  const rowsOfHeads: TypedTarget['rowsOfHeads'] = (heads, writers, left) => {
    const writer = writerOf(writers);
    const rows: InsertedRow[] = [];
    for (const head of heads) {
      const { delivery, index } = head;
      if (!(writer instanceof BinaryRows) || !writePayload(writer, head)) left.push(head);
      else rows.push({ ...writer.finish(), layout, delivery, index });
    }
    return rows;
  };
  const rowsOf: TypedTarget['rowsOf'] = (events, writers) => {
    const writer = writerOf(writers);
    return events.map(({ event, delivery, index, isAscii }) => {
      const row = rowMaker.rowOf(event, { sequence: delivery.sequence, deliveredAt: '' });
      writeRow(writer, row, isAscii);
      return { ...writer.finish(), layout, delivery, index };
    });
  };
  return {
    table,
    event: plan.event,
    async prepare(options) {
      if (isReady) return;
      await makeTable(client, plan, options);
      // A column that was added later may be Nullable where a new table has it without.
      const types = await readTypes(client, table, options);
      layout = hasColumns(types, columns) ? binary : textLayout(columns);
      isReady = true;
    },
    forget: () => void (isReady = false),
    layout: () => layout,
    rowsOfHeads,
    rowsOf,
    rewrite: (rows) =>
      rowsOf(
        rows.map(({ delivery, index }) => typedEventOf(delivery, index) as ClickhouseEvent),
        new Map(),
      ),
  };
}

/** The event of a delivery, or the reason why it cannot have a row. Quotes no data. */
export function typedEventOf(delivery: Delivery, index: number): ClickhouseEvent | string {
  const { text, isAscii } = payloadText(delivery.payload);
  const event = readTypedPayload(text);
  if (typeof event === 'string') return event;
  if (!isUuid(event.eventId)) return 'not a stored event: its eventId is not a UUID';
  // In UTC, as the column has it.
  const utc = readTime(event.timestamp) ?? '';
  if (!isColumnTime(utc)) return 'not a stored event: its timestamp is not of our time';
  // JSON writes other characters with a backslash, if it does not write them as they are.
  const { eventName, timestamp, schemaVersion } = event;
  const hasOnlyAscii = isAscii && !text.includes('\\');
  return { eventName, timestamp, schemaVersion, event, delivery, index, isAscii: hasOnlyAscii };
}
