import type { JsonObject } from '../../event/json/json.ts';
import type { StoredEvent } from '../../event/stored-event.ts';
import type { VendorCall } from '../../event/vendor-call.ts';

/** An event of any producer, with the changes of the test. */
export function storedWith(change: Partial<StoredEvent> = {}): StoredEvent {
  return {
    eventId: '11111111-1111-5111-8111-111111111111',
    eventName: 'order_completed',
    source: 'shop',
    timestamp: '2026-03-01T12:00:00.123Z',
    eventTime: '2026-02-01T00:00:00.000Z',
    userId: 'u1',
    idempotencyKey: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
    properties: { total: 5 },
    ...change,
  };
}

export const time = '2026-02-01T00:00:00.000Z';

/** An event that came as a call of a vendor's SDK. */
export function calledWith(
  vendorCall: VendorCall,
  properties: JsonObject,
  change: Partial<StoredEvent> = {},
): StoredEvent {
  return storedWith({ vendorCall, properties, ...change });
}
