import { randomUUID } from 'node:crypto';
import type { Delivery, Destination, Outcome } from '../../src/destinations/destination.ts';
import { eventIdOf } from '../../src/event/event-id.ts';
import { decodeStoredEvent, type StoredEvent } from '../../src/event/stored-event.ts';

let sequence = 0;

/** A delivery of exactly these bytes. */
export function deliveryOf(payload: string | Uint8Array): Delivery {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  sequence += 1;
  return { sequence, attempt: 1, payload: bytes, event: () => decodeStoredEvent(bytes) };
}

/** An ordinary event; its id is new unless given, and made of source and key as a gate makes it. */
export function storedEvent(overrides: Partial<StoredEvent> = {}): StoredEvent {
  const { source = 'checkout', idempotencyKey = randomUUID() } = overrides;
  return {
    eventId: eventIdOf(source, idempotencyKey),
    eventName: 'order_completed',
    source,
    timestamp: '2026-03-01T12:00:00.123Z',
    userId: 'user-1',
    idempotencyKey,
    schemaVersion: 2,
    properties: { order_id: 'o-1', total: 12.5 },
    correlationId: randomUUID(),
    ...overrides,
  };
}

export function deliveryOfEvent(overrides: Partial<StoredEvent> = {}): Delivery {
  return deliveryOf(JSON.stringify(storedEvent(overrides)));
}

export const never: AbortSignal = new AbortController().signal;

/** Delivers a run of any length as a worker would: in calls of the size that it takes. */
export async function deliverAll(
  destination: Destination,
  deliveries: readonly Delivery[],
  signal: AbortSignal = never,
): Promise<Outcome[]> {
  const size = destination.batchEventsMax;
  const calls: (readonly Delivery[])[] = [];
  for (let start = 0; start < deliveries.length; start += size) {
    calls.push(deliveries.slice(start, start + size));
  }
  const answers = await Promise.all(calls.map((batch) => destination.deliver(batch, signal)));
  return answers.flat();
}

/** Delivers these bytes in one call. What is not delivered stands as the whole outcome. */
export async function deliverPayloads(
  destination: Destination,
  ...payloads: string[]
): Promise<unknown[]> {
  const outcomes = await destination.deliver(payloads.map(deliveryOf), never);
  return outcomes.map((outcome) => (outcome.kind === 'delivered' ? 'delivered' : outcome));
}

export async function readAll<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const read: Value[] = [];
  for await (const value of values) read.push(value);
  return read;
}
