import type { Setting } from './setting.ts';
import { webhookProviders } from './webhook-source.ts';
import { sourceLimitSettings } from './gather/source-limit-settings.ts';

/** Limits that legitimate webhooks do not reach. */
export const webhookLimits = {
  sources: 100,
  secrets: 8,
  secretCharacters: 500,
  events: 1_000,
  properties: 200,
  placeCharacters: 500,
} as const;

/** The settings of a webhook. `secret`, `events` and `properties` have forms of their own. */
export const webhookSettings = {
  provider: {
    kind: 'enum',
    options: webhookProviders,
    text: 'How the sender signs: `standard` is Standard Webhooks, `hmac` any other HMAC over the body.',
  },
  tolerance: {
    kind: 'duration',
    default: '5m',
    min: '1s',
    max: '1d',
    text: 'How far the time of the signature (`stripe`, `standard`) may differ from the gate’s clock. It stops replays of recorded webhooks.',
  },
  type: {
    kind: 'list',
    default: null,
    defaultText: "the provider's",
    text: 'Where the type is: a list of places. The first that is not empty counts.',
  },
  delivery_id: {
    kind: 'list',
    default: null,
    defaultText: "the provider's",
    text: 'Where the id of the delivery is. It must be the same when the webhook is sent again. Required for `hmac`.',
  },
  user_id: { kind: 'list', default: null, text: 'The places to read `user_id` from.' },
  anonymous_id: {
    kind: 'list',
    default: null,
    text: 'The places to read `anonymous_id` from.',
  },
  occurred_at: {
    kind: 'list',
    default: null,
    text: 'The places to read `occurred_at` from: an RFC 3339 time, or seconds or milliseconds since 1970.',
  },
  'signature.header': {
    kind: 'string',
    default: null,
    text: 'The header with the signature. Required for `hmac`.',
  },
  'signature.algorithm': {
    kind: 'enum',
    default: 'sha256',
    options: ['sha256', 'sha512', 'sha1'],
    text: 'The digest, for `hmac`.',
  },
  'signature.encoding': {
    kind: 'enum',
    default: 'hex',
    options: ['hex', 'base64'],
    text: 'How the signature is written, for `hmac`.',
  },
  'signature.prefix': {
    kind: 'string',
    default: null,
    defaultText: 'none',
    text: 'The prefix of the signature, for `hmac`: `sha256=`.',
  },
  ...sourceLimitSettings,
} as const satisfies Record<string, Setting>;
