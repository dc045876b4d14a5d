import { readEventTime, type StoredEvent } from '../../event/stored-event.ts';
import { structuredType } from '../cloudevents/cloudevent.ts';

/** What a consumer reads of a message without its body, which has all of it as well. Some may be undefined. */
export function messageAttributes(
  event: StoredEvent,
  format: 'headgate' | 'cloudevents',
): Readonly<Record<string, unknown>> {
  return {
    ...(format === 'cloudevents' ? { 'content-type': structuredType } : {}),
    event_id: event.eventId,
    event_name: event.eventName,
    source: event.source,
    event_time: readEventTime(event),
    correlation_id: event.correlationId,
    traceparent: event.traceparent,
  };
}
