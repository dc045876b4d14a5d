import type { DestinationSetting } from '../destination.ts';
import { httpSettings } from '../http/settings.ts';

/** The settings of every vendor. */
export const vendorSettings = {
  time: {
    type: 'enum',
    default: 'occurred',
    options: ['occurred', 'received'],
    text: 'What the vendor is told as the time of an event: when it happened, or when it was received.',
  },
  ...httpSettings,
} as const satisfies Readonly<Record<string, DestinationSetting>>;
