import { StartError } from '../../errors.ts';
import type { DestinationSetting, DestinationSettings } from '../destination.ts';

/** How an event is written: as the log holds it, or as a CloudEvent. */
export type EventFormat = 'headgate' | 'cloudevents' | 'cloudevents_binary';

/** The setting of every type that can write CloudEvents. */
export const formatSetting = {
  type: 'string',
  default: 'headgate',
  text: '`headgate`: the event as the log holds it. `cloudevents`: a CloudEvent 1.0 in JSON.',
} as const satisfies DestinationSetting;

/** Throws a StartError that names the setting. */
export function readFormat<Format extends EventFormat>(
  name: string,
  settings: DestinationSettings,
  formats: readonly Format[],
): Format {
  const given = settings['format'] ?? 'headgate';
  const format = formats.find((one) => one === given);
  if (format === undefined) {
    throw new StartError(`destinations.${name}.format: use one of ${formats.join(', ')}`);
  }
  return format;
}
