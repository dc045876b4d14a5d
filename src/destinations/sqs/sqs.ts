import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';

import { StartError } from '../../errors.ts';
import { awsClient } from '../aws-client.ts';
import { deliverInRequests, type RequestOutcome } from '../batch-requests.ts';
import { closeWhenIdle } from '../close-when-idle.ts';
import {
  delivered,
  stopped,
  type Delivery,
  type Destination,
  type DestinationSettings,
} from '../destination.ts';
import { ofWholeRequest, outcomeOfEntry, outcomeOfRequest } from './failure.ts';
import { messageBytesMax, readMessage, type SqsMessage } from './message.ts';
import { readSqsSettings, type SqsSettings } from './settings.ts';

/** The most entries that `SendMessageBatch` takes. */
const batchEventsMax = 10;

/**
 * Sends each event as one message of a queue of Amazon SQS.
 *
 * At least once. A FIFO queue gets a deduplication id, made of the destination's name and the event's
 * id, and drops a copy that comes within 5 minutes. Each message of a request is settled by its own
 * answer. Credentials come from the places of the AWS client and are never in a setting.
 */
export async function createSqsDestination(
  name: string,
  settings: DestinationSettings,
): Promise<Destination> {
  const sqs = readSqsSettings(name, settings);
  const client = openClient(sqs);
  try {
    await client.config.region();
  } catch (cause) {
    client.destroy();
    throw new StartError(
      `destinations.${name}.region: queue_url has no region in it. Set region, or AWS_REGION`,
      { cause },
    );
  }
  const requests = {
    requestBytesMax: messageBytesMax,
    requestEventsMax: batchEventsMax,
    read: (delivery: Delivery) => readMessage(name, sqs, delivery),
    send: (messages: readonly SqsMessage[], signal: AbortSignal) =>
      send(client, sqs, messages, signal),
  };
  return {
    batchEventsMax,
    concurrency: sqs.concurrency,
    ...closeWhenIdle(
      (batch, signal) => deliverInRequests(requests, batch, signal),
      async () => client.destroy(),
    ),
  };
}

function openClient({ endpoint, region, concurrency, timeoutMs }: SqsSettings): SQSClient {
  return new SQSClient({
    endpoint,
    ...(region === undefined ? {} : { region }),
    ...awsClient,
    requestHandler: {
      connectionTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      httpAgent: { maxSockets: concurrency },
      httpsAgent: { maxSockets: concurrency },
    },
  });
}

/** Never rejects. */
async function send(
  client: SQSClient,
  { queueUrl, timeoutMs }: SqsSettings,
  messages: readonly SqsMessage[],
  signal: AbortSignal,
): Promise<RequestOutcome> {
  if (signal.aborted) return stopped;
  const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const answer = await client.send(
      new SendMessageBatchCommand({
        QueueUrl: queueUrl,
        // An event can be in a request twice, so its id cannot be the entry's.
        Entries: messages.map(({ entry }, index) => ({ Id: String(index), ...entry })),
      }),
      { abortSignal },
    );
    const failed = new Map(answer.Failed?.map((entry) => [entry.Id, entry]));
    const successful = new Set(answer.Successful?.map(({ Id }) => Id));
    return ofWholeRequest(
      messages.map((_, index) => {
        const id = String(index);
        const failure = failed.get(id);
        if (failure !== undefined) return outcomeOfEntry(failure);
        return successful.has(id) ? delivered : unanswered;
      }),
    );
  } catch (error) {
    return signal.aborted ? stopped : outcomeOfRequest(error, timeoutMs);
  }
}

const unanswered = {
  kind: 'retry',
  fault: 'destination',
  reason: 'the answer of SQS does not have the message',
} as const;
