import type { Destination, DestinationSettings } from '../destination.ts';
import { basicAuthorization, createVendorDestination } from '../vendors/vendor.ts';

/** Segment answers 200 to a larger one, and drops it: so it is refused here. */
const eventBytesMax = 32 * 1024;

/** Below the 500 KB that Segment takes. */
const requestBytesMax = 480 * 1024;

/** Segment takes 2,500; at 480 KiB a request that is an event of 200 bytes. */
const requestEventsMax = 1000;

/**
 * Forwards events to Segment as `track` calls, in batches (`POST /v1/batch`).
 *
 * `messageId` is the event's id: Segment drops a second copy that comes within a day. `timestamp`
 * is the server's and the same on every attempt; `sentAt` is left out, because Segment would
 * correct `timestamp` by it, each time otherwise.
 */
export function createSegmentDestination(name: string, settings: DestinationSettings): Destination {
  const key = String(settings['write_key']);
  const authorization = basicAuthorization(key, '');
  return createVendorDestination(name, settings, {
    path: '/v1/batch',
    headers: { authorization: `Basic ${authorization}` },
    keySetting: 'write_key',
    secrets: [key, authorization],
    eventBytesMax,
    requestBytesMax,
    requestEventsMax,
    waitHeaders: ['retry-after', 'x-ratelimit-reset'],
    around: ['{"batch":[', ']}'],
    translate: (event) => ({
      type: 'track',
      messageId: event.eventId,
      event: event.eventName,
      userId: event.userId,
      anonymousId: event.anonymousId,
      timestamp: event.timestamp,
      properties: event.properties ?? {},
      context: event.context,
    }),
  });
}
