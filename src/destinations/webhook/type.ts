import { formatSetting } from '../cloudevents/format.ts';
import type { DestinationType } from '../destination.ts';
import { httpSettings } from '../http-client/settings.ts';

/** Signed POSTs: webhook.ts. */
export const webhookType: DestinationType = {
  type: 'webhook',
  secondCopies:
    'Your receiver gets the same webhook-id again (the same eventId, where requests have several events), and must drop what it has.',
  settings: {
    url: {
      type: 'url',
      text: 'Where events are POSTed: http or https, without a user or password in it.',
    },
    secret: {
      type: 'secret',
      text: 'Signs every request: whsec_ and 24 to 64 random bytes in base64.',
    },
    secret_previous: {
      type: 'secret',
      default: null,
      text: 'The secret before this one. While it is set, requests carry both signatures.',
    },
    batch_events: {
      type: 'integer',
      default: 1,
      min: 1,
      max: 1000,
      text: 'Events in a request, at most. 1: each event is a request. Above 1: lists of what has come.',
    },
    format: formatSetting,
    requests_per_second: {
      type: 'integer',
      default: null,
      min: 1,
      max: 10_000,
      text: 'The most requests a second that one process begins. Left out: as many as it can.',
    },
    ...httpSettings,
  },
  async create(name, settings) {
    const { createWebhookDestination } = await import('./webhook.ts');
    return createWebhookDestination(name, settings);
  },
};
