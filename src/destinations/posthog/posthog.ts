import { isJsonObject } from '../../event/json/json.ts';
import type { Destination, DestinationSettings } from '../destination.ts';
import type { HttpAnswer } from '../http-client/answers.ts';
import type { RequestOutcome } from '../batch-requests.ts';
import { isHistorical, type StoredEvent } from '../../event/stored-event.ts';
import { createVendorDestination, type VendorRequest } from '../vendors/vendor.ts';
import { posthogEventOf } from './posthog-event.ts';

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
  const begin = `{"api_key":${JSON.stringify(key)},`;
  const requestOf = (switches: string): VendorRequest => ({
    path: '/batch/',
    around: [`${begin}${switches}"batch":[`, ']}'],
    validate: validateQuota,
  });
  const live = requestOf('');
  const past = requestOf('"historical_migration":true,');
  return createVendorDestination(name, settings, {
    headers: {},
    keySetting: 'project_key',
    secrets: [key],
    eventBytesMax,
    requestBytesMax,
    requestEventsMax,
    waitHeaders: ['retry-after'],
    translate: (event, time) => ({
      to: isPast(event, time) ? past : live,
      body: posthogEventOf(event, time),
    }),
  });
}

/** PostHog takes events as its imports only if they are older. */
const pastMs = 48 * 3_600_000;

/**
 * Whether an event belongs to the past, and goes the way of PostHog's imports: by what was known when it
 * was received, so that every attempt goes the same way.
 */
function isPast(event: StoredEvent, time: string): boolean {
  return isHistorical(event) || Date.parse(event.timestamp) - Date.parse(time) > pastMs;
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
