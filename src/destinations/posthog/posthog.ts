import { isJsonObject } from '../../event/json/json.ts';
import type { Destination, DestinationSettings } from '../destination.ts';
import type { HttpAnswer } from '../http/answers.ts';
import type { RequestOutcome } from '../batch-requests.ts';
import { addressOf, createVendorDestination, personOf } from '../vendors/vendor.ts';

/** What PostHog stores of one event, at most. */
const eventBytesMax = 1_000_000;

/** PostHog takes 20 MB; less is sooner there, and sooner sent again. */
const requestBytesMax = 4 * 1024 * 1024;

const requestEventsMax = 1000;

/**
 * Forwards events to PostHog in batches (`POST /batch/`).
 *
 * PostHog takes copies with the same uuid, event, timestamp and distinct_id for one, after a while:
 * all four are the same on every attempt. One event that it cannot read makes it refuse the whole
 * request (400), which is then cut until that event is alone.
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
          // Else PostHog takes the gate's own address for the person's.
          ...(address === undefined ? { $geoip_disable: true } : { $ip: address }),
        },
      };
    },
    validate: validateQuota,
  });
}

/** Over its quota PostHog answers 200 and drops what it got: nothing has arrived. */
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
