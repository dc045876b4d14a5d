import { deliverInRequests, type RequestOutcome } from '../batch-requests.ts';
import { closeWhenIdle } from '../close-when-idle.ts';
import {
  delivered,
  stopped,
  type Delivery,
  type Destination,
  type DestinationSettings,
  type Outcome,
} from '../destination.ts';
import { outcomeOfRequest } from './failure.ts';
import { readMessage, requestBytesMax, requestMessagesMax, type PubsubMessage } from './message.ts';
import { createPublisher, type TopicPublisher } from './publisher.ts';
import { readPubsubSettings, type PubsubSettings } from './settings.ts';

/** Ordering keys whose requests are under way at once, in one call. */
const keysAtOnce = 16;

/**
 * Publishes each event as one message to a topic of Google Pub/Sub.
 *
 * At least once: Pub/Sub takes a copy as a new message, which has the same `event_id`. A request is taken
 * as a whole or not at all; one that is refused for its content is sent in halves. Messages of a key are sent
 * one request after another, in the order of the log.
 */
export function createPubsubDestination(name: string, settings: DestinationSettings): Destination {
  const pubsub = readPubsubSettings(name, settings);
  const publisher = createPublisher(pubsub);
  return {
    batchEventsMax: requestMessagesMax,
    concurrency: pubsub.concurrency,
    ...closeWhenIdle(
      (batch, signal) => deliver(pubsub, publisher, batch, signal),
      () => publisher.close(),
    ),
  };
}

/** A delivery with its place in the batch. */
interface Place {
  readonly index: number;
  readonly delivery: Delivery;
}

async function deliver(
  pubsub: PubsubSettings,
  publisher: TopicPublisher,
  batch: readonly Delivery[],
  signal: AbortSignal,
): Promise<Outcome[]> {
  let fault: Outcome | undefined;
  const requests = {
    requestBytesMax,
    requestEventsMax: requestMessagesMax,
    async send(messages: readonly PubsubMessage[]): Promise<RequestOutcome> {
      // A fault of the topic is one for every key.
      if (fault !== undefined) return fault;
      const outcome = await send(publisher, messages, pubsub.timeoutMs, signal);
      if (outcome.kind === 'retry') fault = outcome;
      return outcome;
    },
  };
  const read = (delivery: Delivery) => readMessage(pubsub, delivery);
  if (pubsub.ordering === undefined) return deliverInRequests({ ...requests, read }, batch, signal);
  const outcomes = Array.from<Outcome>({ length: batch.length });
  // A request may have messages of one key only.
  const messages = new Map(batch.map((delivery) => [delivery, read(delivery)]));
  const readOnce = (delivery: Delivery) => messages.get(delivery)!;
  const waiting = placesByKey(batch, readOnce).values();
  const deliverKeys = async (): Promise<void> => {
    for (const places of waiting) {
      const deliveries = places.map(({ delivery }) => delivery);
      const own = await deliverInRequests({ ...requests, read: readOnce }, deliveries, signal);
      for (const [at, { index }] of places.entries()) outcomes[index] = own[at]!;
    }
  };
  await Promise.all(Array.from({ length: keysAtOnce }, deliverKeys));
  return outcomes;
}

/** What is no message has the key ''. */
function placesByKey(
  batch: readonly Delivery[],
  read: (delivery: Delivery) => PubsubMessage | string,
): Map<string, Place[]> {
  const keys = new Map<string, Place[]>();
  for (const [index, delivery] of batch.entries()) {
    const message = read(delivery);
    const key = typeof message === 'string' ? '' : message.orderingKey;
    const places = keys.get(key);
    if (places === undefined) keys.set(key, [{ index, delivery }]);
    else places.push({ index, delivery });
  }
  return keys;
}

/** Never rejects. */
async function send(
  publisher: TopicPublisher,
  messages: readonly PubsubMessage[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  if (signal.aborted) return stopped;
  try {
    await publisher.publish(messages, signal);
    return delivered;
  } catch (error) {
    return signal.aborted ? stopped : outcomeOfRequest(error, timeoutMs);
  }
}
