import type { Setting } from '../setting.ts';
import { burstMax, eventsPerSecondMax } from '../write-key.ts';

/** The settings of the limits, under a key and under a source of webhooks. */
export const sourceLimitSettings = {
  'limits.events_per_second': {
    kind: 'integer',
    default: null,
    min: 1,
    max: eventsPerSecondMax,
    text: 'How many events the source may send in a second, with all of its keys and over all gates. Beyond that its requests are answered with 429.',
  },
  'limits.burst': {
    kind: 'integer',
    default: null,
    defaultText: 'the events of one second',
    min: 1,
    max: burstMax,
    text: 'How many events the source may send at once after a pause.',
  },
  'limits.bytes_per_day': {
    kind: 'bytes',
    default: null,
    min: '1KiB',
    text: 'How many bytes of requests, inflated, the source may send from midnight to midnight UTC. At least `limits.request_bytes_max`: a larger request could never be sent.',
  },
} as const satisfies Record<string, Setting>;
