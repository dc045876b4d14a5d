import type { Delivery, Outcome } from './destination.ts';
import { eachInTurns } from './each-in-turns.ts';
import { readTypedPayload, type PayloadEvent } from './tables/event-row.ts';

/** So many rows take about 5 ms. Then the event loop takes the requests of others. */
const rowsPerTurn = 1_000;

/** What was read of a batch, and the outcomes of what cannot be read, by their index. */
export interface ReadBatch<Row> {
  readonly rows: Row[];
  readonly outcomes: Outcome[];
}

/**
 * Reads a batch of thousands of events.
 *
 * @param read returns a row, or the reason why the event can never be one.
 */
export async function readInTurns<Row extends object>(
  batch: readonly Delivery[],
  read: (delivery: Delivery, index: number) => Row | string,
): Promise<ReadBatch<Row>> {
  const rows: Row[] = [];
  const outcomes: Outcome[] = [];
  await eachInTurns(batch, rowsPerTurn, (delivery, index) => {
    const row = read(delivery, index);
    if (typeof row === 'string') outcomes[index] = { kind: 'dead', reason: row };
    else rows.push(row);
  });
  return { rows, outcomes };
}

/** An event of a batch, and its place there. */
export interface BatchEvent {
  readonly index: number;
  readonly event: PayloadEvent;
  readonly sequence: number;
}

const decoder = new TextDecoder();

/** Reads a batch for tables. */
export function readBatchEvents(batch: readonly Delivery[]): Promise<ReadBatch<BatchEvent>> {
  return readInTurns(batch, ({ payload, sequence }, index) => {
    const event = readTypedPayload(decoder.decode(payload));
    return typeof event === 'string' ? event : { index, event, sequence };
  });
}
