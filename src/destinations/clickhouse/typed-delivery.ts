import { setImmediate as nextTurn } from 'node:timers/promises';

import type { ClickHouseClient } from '@clickhouse/client';
import type { Delivery, DestinationContext, Outcome } from '../destination.ts';
import { TableFault } from '../tables/table-fault.ts';
import { faultOf } from './fault.ts';
import { readPayloadHead, type PayloadHead } from '../payload-bytes/payload-head.ts';
import { createPayloadPlaces, type PayloadPlaces } from '../payload-bytes/payload-places.ts';
import { bySequence, rowsPerPiece, type InsertedRow, type Inserts } from './inserts.ts';
import {
  createClickhouseTables,
  typedEventOf,
  type ClickhouseEvent,
  type ClickhouseTables,
  type RowWriters,
  type TypedTarget,
} from './typed-tables.ts';

/** Delivers events into tables of their own. */
export interface TypedDelivery {
  deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<Outcome[]>;
  /** The quoted names of all tables. */
  tables(): Promise<string[]>;
}

/** @param prefix of the names of tables. */
export function createTypedDelivery(
  client: ClickHouseClient,
  inserts: Inserts,
  prefix: string,
  context: DestinationContext | undefined,
): TypedDelivery {
  const tables = createClickhouseTables(client, prefix);
  return {
    async deliver(batch, signal) {
      tables.use(context?.contracts() ?? []);
      const outcomes: Outcome[] = [];
      let groups: RowGroups;
      try {
        groups = await readRows(tables, batch, outcomes, signal);
      } catch (error) {
        const outcome = outcomeOf(error);
        return batch.map((_delivery, index) => outcomes[index] ?? outcome);
      }
      for (const [target, group] of groups) {
        group.sort(bySequence);
        const written = await inserts.write(target, group, signal);
        const held = group.filter((_row, at) => written[at]!.kind === 'delivered');
        const ids = (): string[] => held.map(idOf);
        const moved =
          held.length > 0 && tables.moveUnplanned(target, ids, { abort_signal: signal });
        const fault = await Promise.resolve(moved).then(() => undefined, outcomeOf);
        for (const [at, { index }] of group.entries()) {
          const outcome = written[at]!;
          outcomes[index] = outcome.kind === 'delivered' ? (fault ?? outcome) : outcome;
        }
      }
      return outcomes;
    },
    tables: () => tables.all(),
  };
}

type RowGroups = Map<TypedTarget, InsertedRow[]>;

/**
 * The rows of a batch by their table. Events become bytes a few at a time, and are let go: thousands of them with
 * their properties would outlive several collections of garbage.
 *
 * @param outcomes gets those of events that can never have a row.
 */
async function readRows(
  tables: ClickhouseTables,
  batch: readonly Delivery[],
  outcomes: Outcome[],
  signal: AbortSignal,
): Promise<RowGroups> {
  const groups: RowGroups = new Map();
  const writers: RowWriters = new Map();
  const options = { abort_signal: signal };
  // Its own: other batches are read while this one waits for the server.
  const places = createPayloadPlaces(Math.min(batch.length, rowsPerPiece));
  const add = (target: TypedTarget, rows: readonly InsertedRow[]): void => {
    const before = groups.get(target) ?? [];
    for (const row of rows) before.push(row);
    groups.set(target, before);
  };
  for (let from = 0; from < batch.length; from += rowsPerPiece) {
    if (from > 0) await nextTurn();
    const { heads, left } = readHeads(batch, from, places);
    const ofValues: PayloadHead[] = [];
    for (const [target, group] of await tables.group(heads, options)) {
      add(target, target.rowsOfHeads(group, writers, ofValues));
    }
    const events: ClickhouseEvent[] = [];
    for (const index of [...left, ...ofValues.map((head) => head.index)]) {
      const event = typedEventOf(batch[index]!, index);
      if (typeof event === 'string') outcomes[index] = { kind: 'dead', reason: event };
      else events.push(event);
    }
    if (events.length === 0) continue;
    for (const [target, group] of await tables.group(events, options)) {
      add(target, target.rowsOf(group, writers));
    }
  }
  return groups;
}

/** The heads of the payloads of one turn, and the indexes of the events that have to be read in another way. */
function readHeads(
  batch: readonly Delivery[],
  from: number,
  places: PayloadPlaces,
): { heads: PayloadHead[]; left: number[] } {
  const heads: PayloadHead[] = [];
  const left: number[] = [];
  const end = Math.min(batch.length, from + rowsPerPiece);
  for (let index = from; index < end; index += 1) {
    const head = readPayloadHead(places, batch[index]!, index, index - from);
    if (head === undefined) left.push(index);
    else heads.push(head);
  }
  return { heads, left };
}

function idOf({ delivery, index }: InsertedRow): string {
  return (typedEventOf(delivery, index) as ClickhouseEvent).event.eventId;
}

function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof TableFault)) return faultOf(error, undefined).outcome;
  return { kind: 'retry', fault: 'destination', reason: error.message };
}
