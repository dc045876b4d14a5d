import { PubSub, v1 } from '@google-cloud/pubsub';

import { grpcCode } from '../../errors.ts';
import { createReplacedClient, initialized, ownConnections } from '../google-client.ts';
import { codeOf, contentCode } from './failure.ts';
import type { PubsubMessage } from './message.ts';
import type { PubsubSettings } from './settings.ts';

/** Sends requests to a topic. */
export interface TopicPublisher {
  /** Resolves when the topic has all messages. Rejects with an error that `failure.ts` reads. */
  publish(messages: readonly PubsubMessage[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const noAnswer = { code: grpcCode.deadlineExceeded, message: 'no answer in time' };

/**
 * The requests of the service itself, as the vendor's client makes them: batches, limits and retries are
 * those of the delivery. Credentials come from the places of Google's client. PUBSUB_EMULATOR_HOST, which
 * would lead events elsewhere, has no meaning here.
 */
export function createPublisher(settings: PubsubSettings): TopicPublisher {
  const { topic, timeoutMs } = settings;
  const client = createReplacedClient({
    timeoutMs,
    open: () => ({ opened: openClient(settings) }),
    errorOf: (cause, isLate) => (isLate ? noAnswer : cause),
    isAnswer: (error) => codeOf(error) === contentCode,
  });
  return {
    publish: (messages, signal) =>
      client.ask(signal, async ({ opened }) => {
        const publisher = await opened;
        signal.throwIfAborted();
        const request = { topic, messages: [...messages] };
        await publisher.publish(request, { timeout: timeoutMs, retry: null });
      }),
    close: client.close,
  };
}

async function openClient(settings: PubsubSettings): Promise<v1.PublisherClient> {
  const { project, address, isSecure } = settings;
  const options = { projectId: project, apiEndpoint: address, emulatorMode: !isSecure };
  const config = await new PubSub(options).getClientConfig();
  return initialized(new v1.PublisherClient({ ...config, ...ownConnections }));
}
