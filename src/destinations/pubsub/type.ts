import { formatSetting } from '../cloudevents/format.ts';
import { loadWithClient } from '../client-package.ts';
import type { DestinationType } from '../destination.ts';

/** A topic of Google Pub/Sub: pubsub.ts. */
export const pubsubType: DestinationType = {
  type: 'pubsub',
  secondCopies:
    'Each copy is another message, with the same attribute event_id: consumers must drop what they have.',
  settings: {
    project: { type: 'string', text: 'The id of the project that has the topic.' },
    topic: {
      type: 'string',
      text: 'The topic: the last part of projects/my-project/topics/events. It is not created here.',
    },
    ordering: {
      type: 'enum',
      default: 'none',
      options: ['none', 'source', 'event', 'user'],
      text: 'What the ordering key is. Subscriptions must ask for ordering as well.',
    },
    endpoint: {
      type: 'url',
      default: null,
      text: 'Another address of the service, such as that of a region. With http:// no credentials are sent: for emulators alone.',
    },
    format: formatSetting,
    timeout: {
      type: 'duration',
      default: '15s',
      min: '100ms',
      max: '5m',
      text: 'How long a request may take. Keep it below ack_wait.',
    },
    concurrency: {
      type: 'integer',
      default: null,
      min: 1,
      max: 256,
      text: 'Batches of up to 1,000 events under way at once. If unset, 4; with an ordering key, 1, because more would mix the order.',
    },
  },
  async create(name, settings) {
    const { createPubsubDestination } = await loadWithClient(
      'pubsub',
      '@google-cloud/pubsub',
      () => import('./pubsub.ts'),
    );
    return createPubsubDestination(name, settings);
  },
};
