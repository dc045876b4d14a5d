import type { Destination, DestinationSettings } from '../destination.ts';
import { basicAuthorization, createVendorDestination } from '../vendors/vendor.ts';
import { rudderstackCallOf } from './rudderstack-call.ts';

/** RudderStack accepts 32 KB for an event in a batch. */
const eventBytesMax = 32 * 1024;

/** RudderStack accepts 4 MB for a batch. Smaller requests arrive sooner, and are cheaper to send again. */
const requestBytesMax = 480 * 1024;

const requestEventsMax = 1000;

/**
 * Forwards events to a data plane of RudderStack in batches (`POST /v1/batch`), each as the call that it
 * came as, else as a `track` call.
 *
 * RudderStack drops a second copy of a `messageId` within its own window. It takes `timestamp` as it is,
 * and keeps `originalTimestamp` and `sentAt` beside it.
 */
export function createRudderstackDestination(
  name: string,
  settings: DestinationSettings,
): Destination {
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
    waitHeaders: ['retry-after'],
    translate: (event, time) => ({ to, body: rudderstackCallOf(event, time) }),
  });
}
