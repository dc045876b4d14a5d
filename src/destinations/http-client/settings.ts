import type { DestinationSetting } from '../destination.ts';

/** The settings of every type that speaks HTTP. */
export const httpSettings = {
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
} as const satisfies Readonly<Record<string, DestinationSetting>>;
