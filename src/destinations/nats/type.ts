import { formatSetting } from '../cloudevents/format.ts';
import type { DestinationType } from '../destination.ts';

/** A JetStream stream on a NATS of the operator: nats.ts. */
export const natsType: DestinationType = {
  type: 'nats',
  secondCopies:
    'The stream drops a copy within its duplicate window (2 minutes, unless you set it): Nats-Msg-Id is made of the destination and the event_id. After that each copy is another message, and consumers must drop what they have.',
  settings: {
    url: {
      type: 'string',
      text: 'Servers of NATS: nats://host:4222 or tls://host:4222, several with commas between. Without a user or password in it.',
    },
    subject: {
      type: 'string',
      text: 'The subject of each message, such as `orders.{event_name}.{source}`. A stream must have it; Headgate creates none.',
    },
    stream: {
      type: 'string',
      default: null,
      text: 'The stream that must take the messages. If unset, any stream that has the subject.',
    },
    format: {
      ...formatSetting,
      text: '`headgate`: the event as the log holds it. `cloudevents`: a CloudEvent 1.0 in JSON; `cloudevents_binary`: its properties, with the rest in headers.',
    },
    user: { type: 'string', default: null, text: 'The user. Needs password.' },
    password: { type: 'secret', default: null, text: 'The password of that user.' },
    token: { type: 'secret', default: null, text: 'A token, in place of a user.' },
    creds_file: {
      type: 'path',
      default: null,
      text: 'A .creds file, in place of a user. It is read at each connection.',
    },
    tls_ca: {
      type: 'path',
      default: null,
      text: 'Certificate authorities to trust, in PEM. Use it with tls://.',
    },
    timeout: {
      type: 'duration',
      default: '10s',
      min: '100ms',
      max: '5m',
      text: 'How long the stream may take to confirm a message. Keep it below ack_wait.',
    },
    batch_events: {
      type: 'integer',
      default: 256,
      min: 1,
      max: 1000,
      text: 'Messages that may wait for their confirmation at once.',
    },
  },
  async create(name, settings) {
    const { createNatsDestination } = await import('./nats.ts');
    return createNatsDestination(name, settings);
  },
};
