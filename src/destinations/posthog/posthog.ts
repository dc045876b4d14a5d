import { isJsonObject } from '../../event/json/json.ts';
import type { Destination, DestinationSettings } from '../destination.ts';
import type { HttpAnswer } from '../http-client/answers.ts';
import type { RequestOutcome } from '../batch-requests.ts';
import { addressOf, createVendorDestination, personOf } from '../vendors/vendor.ts';

/** The largest event that PostHog stores. */
const eventBytesMax = 1_000_000;

/** PostHog accepts 20 MB. Smaller requests arrive sooner, and are cheaper to send again. */
const requestBytesMax = 4 * 1024 * 1024;

const requestEventsMax = 1000;

/**
 * Forwards events to PostHog in batches (`POST /batch/`).
 *
 * PostHog merges copies with the same uuid, event, timestamp and distinct_id after a while. All
 * four are the same on every attempt. If PostHog cannot read one event, it refuses the whole
 * request (400), which is then split until that event is alone.
 */
export function createPosthogDestination(name: string, settings: DestinationSettings): Destination {
  const key = String(settings['project_key']);
  return createVendorDestination(name, settings, {
    path: '/batch/',
    headers: {},
    keySetting: 'project_key',
    secrets: [key],
    eventBytesMax,
    requestBytesMax,
    requestEventsMax,
    waitHeaders: ['retry-after'],
    around: [`{"api_key":${JSON.stringify(key)},"batch":[`, ']}'],
    translate: (event) => {
      const address = addressOf(event);
      return {
        uuid: event.eventId,
        event: event.eventName,
        distinct_id: personOf(event),
        timestamp: event.timestamp,
        properties: {
          ...event.properties,
          $lib: 'headgate',
          // Otherwise PostHog takes the gate's address for the address of the person.
          ...(address === undefined ? { $geoip_disable: true } : { $ip: address }),
        },
      };
    },
    validate: validateQuota,
  });
}

/** If its quota is exceeded, PostHog answers 200 and drops the request: nothing has arrived. */
function validateQuota({ status, text }: HttpAnswer): RequestOutcome | undefined {
  if (status !== 200 || !text.includes('quota_limited')) return undefined;
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return undefined;
  }
  const limited = isJsonObject(answer) ? answer['quota_limited'] : undefined;
  if (!Array.isArray(limited) || !limited.includes('events')) return undefined;
  return {
    kind: 'retry',
    fault: 'destination',
    reason: 'answered 200, but dropped the events: the quota of the project is used up',
    status: '200',
  };
}
