import type { Destination, DestinationSettings } from '../destination.ts';
import { basicAuthorization, createVendorDestination } from '../vendors/vendor.ts';
import { segmentCallOf } from './segment-call.ts';

/** Segment answers 200 to a larger event but drops it, so Headgate refuses it. */
const eventBytesMax = 32 * 1024;

/** Below the 500 KB that Segment accepts. */
const requestBytesMax = 480 * 1024;

/** Segment accepts 2,500 events. At 480 KiB, 1,000 events may have about 490 bytes each. */
const requestEventsMax = 1000;

/**
 * Forwards events to Segment in batches (`POST /v1/batch`), each as the call that it came as, else as a
 * `track` call.
 *
 * Segment drops a second copy of a `messageId` that arrives within a day. It and `timestamp` are the
 * same on every attempt. `sentAt` is omitted, because Segment would use it to correct `timestamp`, with
 * a different result on each attempt.
 */
export function createSegmentDestination(name: string, settings: DestinationSettings): Destination {
  const key = String(settings['write_key']);
  const authorization = basicAuthorization(key, '');
  const to = { path: '/v1/batch', around: ['{"batch":[', ']}'] } as const;
  return createVendorDestination(name, settings, {
    headers: { authorization: `Basic ${authorization}` },
    keySetting: 'write_key',
    secrets: [key, authorization],
    eventBytesMax,
    requestBytesMax,
    requestEventsMax,
    waitHeaders: ['retry-after', 'x-ratelimit-reset'],
    translate: (event, time) => ({ to, body: segmentCallOf(event, time) }),
  });
}
