import type { DestinationType } from '../destination.ts';

/** Another gate, which takes the events as its own: headgate.ts. */
export const headgateType: DestinationType = {
  type: 'headgate',
  startsFrom: 'earliest',
  secondCopies:
    'The other gate drops a copy within its dedup window, and answers that it is a duplicate: the event has the same event_id there. After that window its log has the event twice, and its warehouses refuse or merge the second copy by that id.',
  settings: {
    url: {
      type: 'url',
      text: 'The public port of the other gate: https://gate.example, or http:// within one machine.',
    },
    key: {
      type: 'secret',
      text: 'A write key of the other gate that has relay_sources there.',
    },
    tls_ca: {
      type: 'path',
      default: null,
      text: 'Certificate authorities to trust, in PEM. Use it with https://. A changed file is read with the next connection.',
    },
    instance: {
      type: 'string',
      default: null,
      text: 'The name of this process, if several use the key: up to 64 of A-Z, a-z, 0-9, dot, _ and -. `headgate trace` at the other gate shows it.',
    },
    timeout: {
      type: 'duration',
      default: '10s',
      min: '100ms',
      max: '5m',
      text: 'How long the other gate may take to answer a request. Keep it below ack_wait.',
    },
    batch_events: {
      type: 'integer',
      default: 500,
      min: 1,
      max: 1000,
      text: 'Events per request. At most limits.batch_events_max of the other gate.',
    },
    batch_bytes: {
      type: 'bytes',
      default: '2MiB',
      min: '1KiB',
      max: '64MiB',
      text: 'Bytes of the events of a request. A larger event goes alone. At most limits.request_bytes_max of the other gate.',
    },
    concurrency: {
      type: 'integer',
      default: 8,
      min: 1,
      max: 64,
      text: 'Requests at once.',
    },
  },
  async create(name, settings) {
    const { createHeadgateDestination } = await import('./headgate.ts');
    return createHeadgateDestination(name, settings);
  },
};
