import { subjects } from '../topology.ts';
import type { PublishToStream } from './publisher.ts';

/**
 * Publishes an event unless EVENTS has stored its id within the dedup window: then it acknowledges
 * a duplicate, as EVENTS would have. EVENTS recognises known ids before it refuses a message for
 * its size, so a message without a payload asks for an id and stores nothing.
 */
export function withEarlierIds(
  publish: PublishToStream,
  ask: PublishToStream,
  forMs: number,
): PublishToStream {
  const untilMs = performance.now() + forMs;
  return (subject, headers, payload, callback) => {
    if (performance.now() >= untilMs) {
      publish(subject, headers, payload, callback);
      return;
    }
    ask(subjects.earlierIds, headers, '', (ack, error) => {
      if (ack !== undefined) callback(ack, undefined);
      else if (error!.code === 'stream_full' || error!.code === 'no_stream') {
        publish(subject, headers, payload, callback);
      } else callback(undefined, error);
    });
  };
}
