import { decodeStoredEvent, type StoredEvent } from '../../event/stored-event.ts';
import type { Delivery } from '../destination.ts';

export const smallEvent: StoredEvent = {
  eventId: 'e-1',
  eventName: 'order_completed',
  source: 'shop',
  timestamp: '2026-03-01T12:00:00.123Z',
  idempotencyKey: 'k',
  schemaVersion: 1,
  properties: {},
};

/** The small event, with these fields beside or instead of its own. */
export function deliveryOf(overrides: Partial<StoredEvent> = {}): Delivery {
  const payload = Buffer.from(JSON.stringify({ ...smallEvent, ...overrides }));
  return { sequence: 1, attempt: 1, payload, event: () => decodeStoredEvent(payload) };
}
