import { setImmediate as nextTurn } from 'node:timers/promises';

import type { ClickHouseClient } from '@clickhouse/client';
import { isUuid } from '../../event/event-id.ts';
import type { Delivery, DestinationContext, Outcome } from '../destination.ts';
import { readTypedPayload } from '../tables/event-row.ts';
import { TableFault } from '../tables/table-fault.ts';
import { faultOf } from './fault.ts';
import { bySequence, rowsPerPiece, type Inserts } from './inserts.ts';
import { isPlainPayload } from './typed-rows.ts';
import {
  createClickhouseTables,
  type ClickhouseEvent,
  type ClickhouseTables,
  type TypedRow,
  type TypedTarget,
} from './typed-tables.ts';

/** Delivers events into tables of their own. */
export interface TypedDelivery {
  deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<Outcome[]>;
  /** The quoted names of all tables. */
  tables(): Promise<string[]>;
}

const decoder = new TextDecoder();

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
        const fault = await tables
          .moveUnplanned(target, held, { abort_signal: signal })
          .then(() => undefined, outcomeOf);
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

type RowGroups = Map<TypedTarget, TypedRow[]>;

/**
 * The rows of a batch by their table. Events become text a few at a time, and are let go: thousands of them with
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
  const rows: RowGroups = new Map();
  for (let from = 0; from < batch.length; from += rowsPerPiece) {
    if (from > 0) await nextTurn();
    const events: ClickhouseEvent[] = [];
    for (const [at, delivery] of batch.slice(from, from + rowsPerPiece).entries()) {
      const event = typedEventOf(delivery, from + at);
      if (typeof event === 'string') outcomes[from + at] = { kind: 'dead', reason: event };
      else events.push(event);
    }
    for (const [target, group] of await tables.group(events, { abort_signal: signal })) {
      const before = rows.get(target) ?? [];
      for (const row of target.rowsOf(group)) before.push(row);
      rows.set(target, before);
    }
  }
  return rows;
}

/** The event of a delivery, or the reason why it cannot have a row. Quotes no data. */
function typedEventOf({ payload, sequence }: Delivery, index: number): ClickhouseEvent | string {
  const text = decoder.decode(payload);
  const event = readTypedPayload(text);
  if (typeof event === 'string') return event;
  if (!isUuid(event.eventId)) return 'not a stored event: its eventId is not a UUID';
  return { index, event, sequence, isPlain: isPlainPayload(text) };
}

function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof TableFault)) return faultOf(error, undefined).outcome;
  return { kind: 'retry', fault: 'destination', reason: error.message };
}
