import { formatSetting } from '../cloudevents/format.ts';
import { loadWithClient } from '../client-package.ts';
import type { DestinationType } from '../destination.ts';

/** A queue of Amazon SQS: sqs.ts. */
export const sqsType: DestinationType = {
  type: 'sqs',
  secondCopies:
    'A FIFO queue drops a copy for 5 minutes: the deduplication id is made of the destination and the event_id. After that, and in a standard queue, each copy is another message, and consumers must drop what they have.',
  settings: {
    queue_url: {
      type: 'url',
      text: 'The URL of the queue. If it ends in .fifo, the queue is a FIFO queue. It is not created here.',
    },
    region: {
      type: 'string',
      default: null,
      text: 'The region of the queue, such as eu-west-1. If unset, the one in queue_url, or that of the environment of AWS.',
    },
    group_by: {
      type: 'enum',
      default: null,
      options: ['source', 'event', 'user'],
      text: 'What the MessageGroupId is. If unset, `source` in a FIFO queue, and a standard queue gets none.',
    },
    format: formatSetting,
    timeout: {
      type: 'duration',
      default: '15s',
      min: '100ms',
      max: '5m',
      text: 'How long a request may take, its one repetition included. Keep it below ack_wait.',
    },
    concurrency: {
      type: 'integer',
      default: 8,
      min: 1,
      max: 256,
      text: 'Requests of up to 10 events under way at once.',
    },
  },
  async create(name, settings) {
    const { createSqsDestination } = await loadWithClient(
      'sqs',
      '@aws-sdk/client-sqs',
      () => import('./sqs.ts'),
    );
    return createSqsDestination(name, settings);
  },
};
