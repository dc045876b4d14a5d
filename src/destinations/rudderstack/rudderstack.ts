import type { JsonObject } from '../../event/json/json.ts';
import type { StoredEvent } from '../../event/stored-event.ts';
import type { Destination, DestinationSettings } from '../destination.ts';
import { segmentCallOf } from '../segment/segment-call.ts';
import { present } from '../vendors/sent-call.ts';
import { basicAuthorization, createVendorDestination } from '../vendors/vendor.ts';

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
    translate: (event, time) => ({
      to,
      body: { ...timesOf(event), ...segmentCallOf(event, time) },
    }),
  });
}

/** As the producer sent them. A call that had another `originalTimestamp` has it among its members. */
function timesOf({ occurredAt, sentAt }: StoredEvent): JsonObject {
  return present({ originalTimestamp: occurredAt, sentAt });
}
