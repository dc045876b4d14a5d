import type { DestinationSetting } from '../destination.ts';
import { httpSettings } from '../http-client/settings.ts';

/** The settings of every vendor. */
export const vendorSettings = {
  time: {
    type: 'enum',
    default: 'occurred',
    options: ['occurred', 'received'],
    text: 'What is sent as the time of an event: when it happened, or when the gate received it.',
  },
  ...httpSettings,
} as const satisfies Readonly<Record<string, DestinationSetting>>;
