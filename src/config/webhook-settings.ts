import type { Setting } from './setting.ts';
import { webhookProviders } from './webhook-source.ts';

/** Limits that nobody who means well meets. */
export const webhookLimits = {
  sources: 100,
  secrets: 8,
  secretCharacters: 500,
  events: 1_000,
  properties: 200,
  placeCharacters: 500,
} as const;

/** What a webhook holds besides `secret`, `events` and `properties`, which have forms of their own. */
export const webhookSettings = {
  provider: {
    kind: 'enum',
    options: webhookProviders,
    text: 'Whose way of signing it is: `standard` is Standard Webhooks, `hmac` any other HMAC over the body.',
  },
  tolerance: {
    kind: 'duration',
    default: '5m',
    min: '1s',
    max: '1d',
    text: 'How far the time of the signature (`stripe`, `standard`) may be from ours, so that what somebody recorded cannot be sent again later.',
  },
  type: {
    kind: 'list',
    default: null,
    defaultText: "the provider's",
    text: 'Where the type stands: places, of which the first that has something counts.',
  },
  delivery_id: {
    kind: 'list',
    default: null,
    defaultText: "the provider's",
    text: 'Where the id of the delivery stands, the same when it is sent again. `hmac` needs it.',
  },
  user_id: { kind: 'list', default: null, text: 'Where `user_id` of the event comes from.' },
  anonymous_id: {
    kind: 'list',
    default: null,
    text: 'Where `anonymous_id` of the event comes from.',
  },
  occurred_at: {
    kind: 'list',
    default: null,
    text: 'Where `occurred_at` comes from: an RFC 3339 time, or seconds or milliseconds since 1970.',
  },
  'signature.header': {
    kind: 'string',
    default: null,
    text: 'The header that has the signature. `hmac` needs it.',
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
    text: 'What stands before the signature, for `hmac`: `sha256=`.',
  },
} as const satisfies Record<string, Setting>;
