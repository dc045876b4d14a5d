import { PubSub, v1 } from '@google-cloud/pubsub';

import { whenAborted } from '../when-aborted.ts';
import { codeOf, contentCode } from './failure.ts';
import type { PubsubMessage } from './message.ts';
import type { PubsubSettings } from './settings.ts';

/** Sends requests to a topic. */
export interface TopicPublisher {
  /** Resolves when the topic has all messages. Rejects with an error that `failure.ts` reads. */
  publish(messages: readonly PubsubMessage[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

interface Client {
  readonly opened: Promise<v1.PublisherClient>;
}

const noAnswer = { code: 4, message: 'no answer in time' };

/**
 * The requests of the service itself, as the vendor's client makes them: batches, limits and retries are
 * those of the delivery. Credentials come from the places of Google's client. PUBSUB_EMULATOR_HOST, which
 * would lead events elsewhere, has no meaning here.
 */
export function createPublisher(settings: PubsubSettings): TopicPublisher {
  const { topic, timeoutMs } = settings;
  let client: Client | undefined;
  const drop = (dropped: Client): void => {
    if (client === dropped) client = undefined;
    void closeClient(dropped);
  };
  return {
    async publish(messages, signal) {
      const used = (client ??= { opened: openClient(settings) });
      const timeout = AbortSignal.timeout(timeoutMs);
      const aborted = whenAborted(AbortSignal.any([signal, timeout]));
      const sending = used.opened.then((opened) => {
        signal.throwIfAborted();
        const request = { topic, messages: [...messages] };
        return opened.publish(request, { timeout: timeoutMs, retry: null });
      });
      // The race may be over before.
      sending.catch(() => undefined);
      try {
        await Promise.race([sending, aborted.promise]);
      } catch (error) {
        const cause = timeout.aborted && !signal.aborted ? noAnswer : error;
        // A client keeps what may be the reason: a connection that is dead without having ended, a wait before
        // the next one, credentials.
        if (codeOf(cause) !== contentCode) drop(used);
        throw cause;
      } finally {
        aborted.forget();
      }
    },
    close: async () => (client === undefined ? undefined : closeClient(client)),
  };
}

async function openClient(settings: PubsubSettings): Promise<v1.PublisherClient> {
  const { project, address, isSecure } = settings;
  const options = { projectId: project, apiEndpoint: address, emulatorMode: !isSecure };
  const client = new v1.PublisherClient({
    ...(await new PubSub(options).getClientConfig()),
    // By default clients share connections, so that a new one would be given the dead one.
    'grpc.use_local_subchannel_pool': 1,
  });
  // Here, because the first call would leave a rejection that ends the process if there are no credentials.
  await client.initialize();
  return client;
}

/** A client that could not be opened has nothing to close. */
async function closeClient({ opened }: Client): Promise<void> {
  try {
    await (await opened).close();
  } catch {
    // As above.
  }
}
