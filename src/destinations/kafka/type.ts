import { formatSetting } from '../cloudevents/format.ts';
import { loadWithClient } from '../client-package.ts';
import type { DestinationType } from '../destination.ts';

/** A topic of Apache Kafka: kafka.ts. */
export const kafkaType: DestinationType = {
  type: 'kafka',
  secondCopies:
    'Each copy is another record with the same key: consumers of the topic must drop what they have.',
  settings: {
    brokers: {
      type: 'string',
      text: 'Brokers to ask first: host:port, several with commas between.',
    },
    topic: { type: 'string', text: 'The topic. It is not created here.' },
    format: formatSetting,
    tls: { type: 'boolean', default: false, text: 'Speak TLS, and verify the certificate.' },
    sasl_mechanism: {
      type: 'string',
      default: null,
      text: 'PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. Needs username and password.',
    },
    username: { type: 'string', default: null, text: 'The user of SASL.' },
    password: { type: 'secret', default: null, text: 'The password of SASL.' },
    timeout: {
      type: 'duration',
      default: '15s',
      min: '100ms',
      max: '5m',
      text: 'How long a batch may take, its retries included. Keep it below ack_wait.',
    },
  },
  async create(name, settings) {
    const { createKafkaDestination } = await loadWithClient(
      'kafka',
      '@platformatic/kafka',
      () => import('./kafka.ts'),
    );
    return createKafkaDestination(name, settings);
  },
};
