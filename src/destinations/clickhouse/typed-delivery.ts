import type { ClickHouseClient } from '@clickhouse/client';
import { isUuid } from '../../event/event-id.ts';
import type { Delivery, DestinationContext, Outcome } from '../destination.ts';
import { readInTurns } from '../read-in-turns.ts';
import { readTypedPayload } from '../tables/event-row.ts';
import { TableFault } from '../tables/table-fault.ts';
import { faultOf } from './fault.ts';
import type { Inserts } from './inserts.ts';
import { createClickhouseTables, type ClickhouseEvent, type TypedGroups } from './typed-tables.ts';

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
      const { rows: events, outcomes } = await readInTurns(batch, typedEventOf);
      events.sort((one, other) => one.sequence - other.sequence);
      let groups: TypedGroups;
      try {
        groups = await tables.group(events, { abort_signal: signal });
      } catch (error) {
        const outcome = outcomeOf(error);
        for (const { index } of events) outcomes[index] = outcome;
        return outcomes;
      }
      for (const [target, group] of groups) {
        const written = await inserts.write(target, group, signal);
        const held = group.filter((_event, at) => written[at]!.kind === 'delivered');
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

/** The event of a delivery, or the reason why it cannot have a row. Quotes no data. */
function typedEventOf(delivery: Delivery, index: number): ClickhouseEvent | string {
  const { payload, sequence } = delivery;
  const event = readTypedPayload(decoder.decode(payload));
  if (typeof event === 'string') return event;
  if (!isUuid(event.eventId)) return 'not a stored event: its eventId is not a UUID';
  return { index, event, eventId: event.eventId, sequence };
}

function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof TableFault)) return faultOf(error, undefined).outcome;
  return { kind: 'retry', fault: 'destination', reason: error.message };
}
