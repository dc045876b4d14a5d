import { compatibilityPartitioner, Producer } from '@platformatic/kafka';
import { deliverInRequests, type MessageOutcome, type RequestOutcome } from '../batch-requests.ts';
import { readCloudEvent, structuredCloudEvent, structuredType } from '../cloudevents/cloudevent.ts';
import {
  stopped,
  stoppedText,
  type Delivery,
  type Destination,
  type DestinationSettings,
  type Outcome,
} from '../destination.ts';
import { describeKafkaError, validateFailure } from './failure.ts';
import { readKafkaSettings, type KafkaSettings } from './settings.ts';
import { readEvent } from '../readable-event.ts';

const batchEventsMax = 1000;

/** A topic accepts a batch of 1 MiB by default, and all events may belong to one partition. */
const requestBytesMax = 768 * 1024;

/** What a record has beside its key, value and headers. */
const recordOverheadBytes = 64;

/**
 * Retries of the client within one attempt. It repeats with the same sequence numbers, so no record
 * is doubled.
 */
const retries = 3;
const retryDelayMs = 250;

/**
 * Writes each event to a topic of Apache Kafka, as the log holds it, under its id as key.
 *
 * At least once: the producer is idempotent, so its own retries write nothing twice. But an event
 * that is delivered again after a crash or a timeout is another record to Kafka. Consumers count
 * each `event_id` once; it is the key and a header.
 *
 * One call at a time: an idempotent producer has one request in flight per broker, in order. A call
 * that times out leaves a request whose result is unknown. Its producer is closed, and the next
 * call opens another.
 */
export function createKafkaDestination(name: string, settings: DestinationSettings): Destination {
  const kafka = readKafkaSettings(name, settings);
  const running = new Set<Promise<unknown>>();
  let producer: Producer | undefined;
  let closing: Promise<void> | undefined;

  const drop = (): void => {
    // Do not wait for it: a server that hangs may never answer.
    producer?.close(true).catch(() => undefined);
    producer = undefined;
  };
  const send = async (
    records: readonly KafkaRecord[],
    signal: AbortSignal,
  ): Promise<RequestOutcome> => {
    if (closing !== undefined) return faultOf('the destination is closed');
    if (signal.aborted) return stopped;
    producer ??= openProducer(kafka);
    const writing = write(producer, kafka.topic, records);
    const verdict = await orGivenUp(writing, kafka.timeoutMs, signal);
    if (typeof verdict !== 'string') return verdict;
    drop();
    return faultOf(verdict);
  };
  const close = async (): Promise<void> => {
    await Promise.allSettled(running);
    await producer?.close(true).catch(() => undefined);
  };

  const requests = {
    requestBytesMax,
    requestEventsMax: batchEventsMax,
    read: (delivery: Delivery) => readRecord(kafka.topic, delivery, kafka.format),
    send,
  };
  return {
    batchEventsMax,
    concurrency: 1,
    async deliver(batch, signal) {
      const delivering = deliverInRequests(requests, batch, signal);
      running.add(delivering);
      return delivering.finally(() => running.delete(delivering));
    },
    close: () => (closing ??= close()),
  };
}

function faultOf(reason: string): Outcome {
  return { kind: 'retry', fault: 'destination', reason };
}

function openProducer({ brokers, tls, sasl, timeoutMs }: KafkaSettings): Producer {
  return new Producer({
    clientId: 'headgate',
    bootstrapBrokers: [...brokers],
    idempotent: true,
    retries,
    retryDelay: retryDelayMs,
    timeout: timeoutMs,
    connectTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    ...(tls ? { tls: {} } : {}),
    ...(sasl === undefined ? {} : { sasl: { ...sasl } }),
  });
}

interface KafkaRecord {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: Map<Buffer, Buffer>;
  readonly bytes: number;
}

/**
 * The record of a delivery, or the reason why the event cannot be one. It has the time of its writing and
 * not the event's: a topic deletes by that time, and would take an old event away at once.
 */
export function readRecord(
  topic: string,
  delivery: Delivery,
  format: KafkaSettings['format'] = 'headgate',
): KafkaRecord | string {
  const event = readEvent(delivery);
  if (typeof event === 'string') return event;
  const key = Buffer.from(event.eventId);
  const value = valueOf(delivery, format);
  if (typeof value === 'string') return value;
  const headers = new Map<Buffer, Buffer>();
  let bytes = recordOverheadBytes + topic.length + key.length + value.length;
  const named = {
    ...(format === 'cloudevents' ? { 'content-type': structuredType } : {}),
    event_id: event.eventId,
    event_name: event.eventName,
    source: event.source,
    correlation_id: event.correlationId,
    traceparent: event.traceparent,
  };
  for (const [name, text] of Object.entries(named)) {
    if (typeof text !== 'string' || text === '') continue;
    headers.set(Buffer.from(name), Buffer.from(text));
    bytes += name.length + Buffer.byteLength(text) + 8;
  }
  return { key, value, headers, bytes };
}

function valueOf(delivery: Delivery, format: KafkaSettings['format']): Buffer | string {
  if (format === 'cloudevents') {
    const parts = readCloudEvent(delivery);
    return typeof parts === 'string' ? parts : structuredCloudEvent(parts);
  }
  const { payload } = delivery;
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

/** Never rejects. Partitions are chosen here, as every client of Kafka does, to know their answers. */
async function write(
  producer: Producer,
  topic: string,
  records: readonly KafkaRecord[],
): Promise<RequestOutcome> {
  let partitions: number[] = [];
  try {
    const metadata = await producer.metadata({ topics: [topic] });
    const count = metadata.topics.get(topic)?.partitionsCount ?? 1;
    partitions = records.map(({ key }) => compatibilityPartitioner({ topic, key }, key) % count);
    const messages = records.map(({ key, value, headers }, index) => {
      return { topic, key, value, headers, partition: partitions[index]! };
    });
    await producer.send({ messages, idempotent: true });
    return { kind: 'delivered' };
  } catch (error) {
    const reason = `Kafka did not take it: ${describeKafkaError(error)}`;
    if (partitions.length === 0) return faultOf(reason);
    const verdicts = validateFailure(error, partitions, reason);
    // Covers the whole call, so that the rest of the batch is not tried in vain.
    return verdicts.every((verdict) => isFault(verdict)) ? faultOf(reason) : verdicts;
  }
}

function isFault(verdict: MessageOutcome): boolean {
  return verdict !== 'unclear' && verdict.kind === 'retry';
}

/** What was written, or why the wait ended. */
async function orGivenUp(
  writing: Promise<RequestOutcome>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<RequestOutcome | string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const onAbort = (): void => resolve(stoppedText);
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => resolve(`no answer within ${timeoutMs} ms`), timeoutMs);
  try {
    return await Promise.race([writing, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
