import { readCloudEvent, structuredCloudEvent } from '../cloudevents/cloudevent.ts';
import type { Delivery } from '../destination.ts';

/** The body of a message, or the reason why the event cannot be written in this format. */
export function messageBody(
  delivery: Delivery,
  format: 'headgate' | 'cloudevents',
): Buffer | string {
  if (format === 'headgate') return Buffer.from(delivery.payload);
  const parts = readCloudEvent(delivery);
  return typeof parts === 'string' ? parts : structuredCloudEvent(parts);
}
