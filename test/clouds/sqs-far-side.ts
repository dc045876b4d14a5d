import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
  type Message,
} from '@aws-sdk/client-sqs';

import type { DestinationSettings } from '../../src/destinations/destination.ts';
import { sqsType } from '../../src/destinations/sqs/type.ts';
import type { FarSide } from '../destinations/conformance.ts';
import { startRelay } from '../destinations/relay.ts';
import type { Ministack } from './ministack.ts';

export const region = 'eu-west-1';

/** As of the queue: below what SQS takes at most. */
export const queueBytesMax = 256 * 1024;

export interface SqsQueue {
  /** Without the relay. */
  readonly url: string;
  /** Every message so far, second copies included: takes what is in the queue. */
  messages(): Promise<readonly Message[]>;
  /** How many messages are in the queue. */
  count(): Promise<number>;
  close(): void;
}

let queues = 0;

export async function createQueue(fake: Ministack, isFifo: boolean): Promise<SqsQueue> {
  const client = new SQSClient({ region, endpoint: fake.url });
  const name = `events-${(queues += 1)}${isFifo ? '.fifo' : ''}`;
  const fifo = isFifo ? { FifoQueue: 'true' } : {};
  await client.send(
    new CreateQueueCommand({
      QueueName: name,
      Attributes: { ...fifo, MaximumMessageSize: String(queueBytesMax) },
    }),
  );
  const url = `${fake.url}/000000000000/${name}`;
  const taken: Message[] = [];
  const take = async (): Promise<number> => {
    const received = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: url,
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      }),
    );
    const messages = received.Messages ?? [];
    if (messages.length === 0) return 0;
    const entries = messages.map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle }));
    await client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries: entries }));
    taken.push(...messages);
    return messages.length;
  };
  return {
    url,
    async messages() {
      while ((await take()) > 0);
      return taken;
    },
    async count() {
      const wanted = ['ApproximateNumberOfMessages'] as const;
      const { Attributes } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...wanted] }),
      );
      return Number(Attributes?.[wanted[0]]);
    },
    close: () => client.destroy(),
  };
}

export const idOf = (message: Message): string =>
  message.MessageAttributes!['event_id']!.StringValue!;

export function sqsSettings(queueUrl: string, more: DestinationSettings = {}): DestinationSettings {
  const defaults = Object.entries(sqsType.settings).map(
    ([name, setting]) => [name, setting.default ?? null] as const,
  );
  const own = { queue_url: queueUrl, region, timeout: 1_000 };
  return { ...Object.fromEntries(defaults), ...own, ...more };
}

/**
 * A queue of its own behind a relay. In a FIFO queue each message counts; in a standard queue each
 * `event_id`, as docs/destinations/sqs.md asks of consumers.
 */
export async function startSqsFarSide(fake: Ministack, isFifo: boolean): Promise<FarSide> {
  const relay = await startRelay(fake.port);
  const queue = await createQueue(fake, isFifo);
  const tooLarge = { kind: 'dead', status: 'InvalidParameterValue' } as const;
  return {
    settings: sqsSettings(queue.url.replace(`:${fake.port}/`, `:${relay.port}/`)),
    async counted() {
      const ids = (await queue.messages()).map(idOf);
      return isFifo ? ids : [...new Set(ids)];
    },
    goDown: () => relay.close(),
    comeUp: () => relay.listen(),
    stall: () => relay.freeze(),
    takeSilently: () => relay.loseAnswers(),
    unstall: () => relay.thaw(),
    oversize: { propertyBytes: 1_048_577, outcome: { kind: 'dead' } },
    refused: {
      overrides: { properties: { text: 'x'.repeat(queueBytesMax) } },
      outcome: tooLarge,
    },
    async close() {
      await relay.close();
      queue.close();
    },
  };
}
