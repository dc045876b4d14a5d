import type { DestinationType } from './destination.ts';

/**
 * Every type of destination, by the word in `type:`.
 *
 * The settings are here so that the configuration can be read without loading any implementation;
 * `create` loads its own, so that a gate which uses no webhook never loads an HTTP client.
 */
export const destinationTypes: readonly DestinationType[] = [
  {
    type: 'sqlite',
    settings: {
      path: {
        type: 'path',
        text: 'The database file, on a local disk. It and its folder are created.',
      },
      busy_timeout: {
        type: 'duration',
        default: '5s',
        min: '1ms',
        max: '1m',
        text: 'How long a batch waits for another program that is writing to the file.',
      },
    },
    async create(name, settings) {
      const { createSqliteDestination } = await import('./sqlite.ts');
      return createSqliteDestination(name, settings);
    },
  },
  {
    type: 'webhook',
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
      timeout: {
        type: 'duration',
        default: '15s',
        min: '1ms',
        max: '5m',
        text: 'From the start of an attempt to the end of the answer. Keep it below ack_wait.',
      },
      allow_private_addresses: {
        type: 'boolean',
        default: false,
        text: 'Also deliver to loopback, private, link-local and other special addresses.',
      },
      concurrency: {
        type: 'integer',
        default: 8,
        min: 1,
        max: 256,
        text: 'Requests under way at once, from 1 to 256.',
      },
    },
    async create(name, settings) {
      const { createWebhookDestination } = await import('./webhook.ts');
      return createWebhookDestination(name, settings);
    },
  },
];
