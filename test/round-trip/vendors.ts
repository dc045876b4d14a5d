import {
  callMixpanel,
  callPosthog,
  callRudderstack,
  callSegment,
  twoYearsAgo,
  type Target,
} from './sdk-calls.ts';
import type { Difference } from './differences.ts';
import {
  mixpanelMessages,
  posthogMessages,
  segmentMessages,
  type SentMessage,
} from './sent-messages.ts';

/** A difference that its vendor's page documents. */
export interface AllowedDifference {
  /** As the page names the field. */
  readonly field: string;
  readonly isAllowed: (difference: Difference, sent: SentMessage, arrived: SentMessage) => boolean;
}

export interface VendorCase {
  readonly type: 'segment' | 'rudderstack' | 'posthog' | 'mixpanel';
  /** Makes every call of the SDK. */
  readonly call: (target: Target) => Promise<void>;
  readonly messages: (request: {
    readonly url: string;
    readonly headers: Readonly<Record<string, unknown>>;
    readonly body: Buffer;
  }) => SentMessage[];
  /** What the vendor answers, by path. */
  readonly answer: (url: string) => string;
  /** The lines of the destination in headgate.yaml, beside its type. */
  readonly settings: (url: string) => string;
  readonly allowed: readonly AllowedDifference[];
}

const named = (
  field: string,
  isAllowed: AllowedDifference['isAllowed'] = () => true,
): AllowedDifference => ({
  field,
  isAllowed: (difference, sent, arrived) =>
    difference.field === field && isAllowed(difference, sent, arrived),
});

const isAdded = ({ sent, arrived }: Difference): boolean =>
  sent === undefined && arrived !== undefined;
const isLeftOut = ({ sent, arrived }: Difference): boolean =>
  sent !== undefined && arrived === undefined;

/** A time to the second or without a value, and the same or that of receipt in milliseconds. */
function isSameTime({ sent, arrived }: Difference): boolean {
  if (typeof arrived !== 'number') return false;
  if (sent === undefined) return Math.abs(arrived - Date.now()) < 60_000;
  return typeof sent === 'number' && (sent * 1000 === arrived || sent === arrived);
}

const common = {
  segment: [named('sentAt', isLeftOut)],
  rudderstack: [
    named(
      'timestamp',
      (difference, _sent, { body }) =>
        isAdded(difference) && difference.arrived === body['originalTimestamp'],
    ),
  ],
} as const;

export const vendorCases: readonly VendorCase[] = [
  {
    type: 'segment',
    call: callSegment,
    messages: segmentMessages,
    answer: () => '{"success":true}',
    settings: (url) => `write_key: vendor-key-0123456789\n    host: ${url}`,
    allowed: common.segment,
  },
  {
    type: 'rudderstack',
    call: callRudderstack,
    messages: segmentMessages,
    answer: () => 'OK',
    settings: (url) => `write_key: vendor-key-0123456789\n    host: ${url}`,
    allowed: common.rudderstack,
  },
  {
    type: 'posthog',
    call: callPosthog,
    messages: posthogMessages,
    answer: () => '{"status":1}',
    settings: (url) => `project_key: vendor-key-0123456789\n    host: ${url}`,
    allowed: [
      named('sent_at', isLeftOut),
      named(
        'historical_migration',
        (difference, { body }) =>
          isAdded(difference) && body['timestamp'] === twoYearsAgo.toISOString(),
      ),
      named(
        'properties.$set_once',
        ({ sent, arrived }) => JSON.stringify([sent, arrived]) === '[{},null]',
      ),
    ],
  },
  {
    type: 'mixpanel',
    call: callMixpanel,
    messages: mixpanelMessages,
    answer: (url) =>
      url.startsWith('/import?strict')
        ? '{"code":200,"status":"OK"}'
        : url.includes('verbose=1')
          ? '{"status":1}'
          : '1',
    settings: (url) => `secret: vendor-key-0123456789\n    host: ${url}`,
    allowed: [
      named(
        'path',
        (_difference, { path }, arrived) => path === '/track' && arrived.path === '/import',
      ),
      named('properties.token', (difference, _sent, { path }) =>
        path === '/import' ? isLeftOut(difference) : isKey(difference),
      ),
      named('properties.time', isSameTime),
      named('properties.$insert_id', isAdded),
      named('$token', isKey),
      named('$ip', (difference) => isAdded(difference) && difference.arrived === '0'),
    ],
  },
];

/** The gate's key on one way, the vendor's on the other. */
function isKey({ sent, arrived }: Difference): boolean {
  return typeof sent === 'string' && arrived === 'vendor-key-0123456789';
}
