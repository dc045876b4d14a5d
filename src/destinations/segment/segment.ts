import type { Destination, DestinationSettings } from '../destination.ts';
import { basicAuthorization, createVendorDestination } from '../vendors/vendor.ts';

/** Segment answers 200 to a larger event but drops it, so Headgate refuses it. */
const eventBytesMax = 32 * 1024;

/** Below the 500 KB that Segment accepts. */
const requestBytesMax = 480 * 1024;

/** Segment accepts 2,500 events. At 480 KiB, 1,000 events may have about 490 bytes each. */
const requestEventsMax = 1000;

/**
 * Forwards events to Segment as `track` calls, in batches (`POST /v1/batch`).
 *
 * `messageId` is the event's id: Segment drops a second copy that arrives within a day. `timestamp`
 * is the server's time and the same on every attempt. `sentAt` is omitted, because Segment would
 * use it to correct `timestamp`, with a different result on each attempt.
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
