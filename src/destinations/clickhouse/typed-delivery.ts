import type { ClickHouseClient } from '@clickhouse/client';
import type { Delivery, DestinationContext, Outcome } from '../destination.ts';
import { readPayload } from '../tables/event-row.ts';
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

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

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
      const events: ClickhouseEvent[] = [];
      for (const [index, delivery] of batch.entries()) {
        const event = typedEventOf(delivery, index);
        if (typeof event === 'string') outcomes[index] = { kind: 'dead', reason: event };
        else events.push(event);
      }
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
        for (const [at, { index }] of group.entries()) outcomes[index] = written[at]!;
      }
      return outcomes;
    },
    tables: () => tables.all(),
  };
}

/** The event of a delivery, or the reason why it cannot have a row. Quotes no data. */
function typedEventOf(delivery: Delivery, index: number): ClickhouseEvent | string {
  const { payload, sequence } = delivery;
  try {
    const event = readPayload(decoder.decode(payload));
    if (!uuid.test(event.eventId)) return 'not a stored event: its eventId is not a UUID';
    return { index, event, eventId: event.eventId, sequence };
  } catch (error) {
    // V8 quotes the text around the error, which may be personal data.
    return error instanceof SyntaxError ? 'the payload is not JSON' : (error as Error).message;
  }
}

function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof TableFault)) return faultOf(error, undefined).outcome;
  return { kind: 'retry', fault: 'destination', reason: error.message };
}
