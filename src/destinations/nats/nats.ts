import { headers, type MsgHdrs } from '@nats-io/nats-core';

import { deliverInRequests, type RequestOutcome } from '../batch-requests.ts';
import { closeWhenIdle } from '../close-when-idle.ts';
import {
  binaryCloudEvent,
  readCloudEvent,
  structuredCloudEvent,
  structuredType,
} from '../cloudevents/cloudevent.ts';
import {
  delivered,
  stopped,
  type Delivery,
  type Destination,
  type DestinationSettings,
} from '../destination.ts';
import { deduplicationId } from '../queues/deduplication-id.ts';
import { readEvent } from '../readable-event.ts';
import { whenAborted } from '../when-aborted.ts';
import { connectToStream, type StreamConnection } from './connection.ts';
import { describe, faultOf, otherAnswer, readFailure, type Published } from './failure.ts';
import { checkServerFiles } from './server.ts';
import { readNatsSettings, type NatsSettings } from './settings.ts';

/** Bounds what waits for confirmations. A larger message goes alone. */
const requestBytesMax = 4 * 1024 * 1024;

/** For the line of the protocol and the headers of the client. */
const overheadBytes = 256;

/**
 * Publishes each event to a JetStream stream of the operator and waits until the stream confirms it.
 *
 * At least once: Nats-Msg-Id is made of the destination's name and the event's id, so the stream drops
 * a copy within its duplicate window, but not what another destination publishes. A connection whose
 * answers are unknown (a timeout, an abort, a lost connection) is dropped, and the next call opens
 * another.
 */
export function createNatsDestination(name: string, settings: DestinationSettings): Destination {
  const nats = readNatsSettings(name, settings);
  // Later, a file that cannot be read is a fault of the destination.
  checkServerFiles(`destinations.${name}`, {
    creds_file: nats.login.kind === 'creds' ? nats.login.file : undefined,
    tls_ca: nats.tls?.caFile,
  });
  let current: StreamConnection | undefined;
  let connecting: Promise<StreamConnection> | undefined;
  const connect = (): Promise<StreamConnection> => {
    const attempt = connectToStream(name, nats);
    connecting = attempt;
    const settle = (connection?: StreamConnection): void => {
      // An aborted call does not wait for its attempt, and neither does the next one.
      if (connecting !== attempt) return connection?.drop();
      connecting = undefined;
      current = connection;
    };
    attempt.then(settle, () => settle());
    return attempt;
  };
  const open = async (): Promise<StreamConnection> =>
    current !== undefined && !current.isClosed() ? current : (connecting ??= connect());
  const send = async (
    messages: readonly Message[],
    signal: AbortSignal,
  ): Promise<RequestOutcome> => {
    const aborted = whenAborted(signal);
    let connection: StreamConnection | undefined;
    try {
      connection = await Promise.race([open(), aborted.promise]);
      const publishing = publishAll(connection, messages, nats);
      const outcomes = await Promise.race([publishing, aborted.promise]);
      if (outcomes.some(({ isUnknown }) => isUnknown)) connection.drop();
      const verdicts = outcomes.map(({ outcome }) => outcome);
      // Covers the whole call, so that the rest of the batch is not tried in vain.
      return verdicts.every(({ kind }) => kind === 'retry') ? verdicts[0]! : verdicts;
    } catch (error) {
      if (connection === undefined) connecting = undefined;
      else connection.drop();
      if (signal.aborted) return stopped;
      return faultOf(`NATS cannot be reached: ${describe(error)}`);
    } finally {
      aborted.forget();
    }
  };
  const requests = {
    requestBytesMax,
    requestEventsMax: nats.batchEvents,
    read: (delivery: Delivery) => readMessage(name, nats, delivery),
    send,
  };
  return {
    batchEventsMax: nats.batchEvents,
    concurrency: 1,
    ...closeWhenIdle(
      (batch, signal) => deliverInRequests(requests, batch, signal),
      async () => {
        connecting = undefined;
        current?.drop();
      },
    ),
  };
}

interface Message {
  readonly id: string;
  readonly subject: string;
  readonly headers: MsgHdrs;
  readonly payload: Uint8Array;
  readonly bytes: number;
}

/** The message of a delivery, or the reason why the event cannot be one. */
export function readMessage(
  name: string,
  nats: Pick<NatsSettings, 'subjectOf' | 'format'>,
  delivery: Delivery,
): Message | string {
  const event = readEvent(delivery);
  if (typeof event === 'string') return event;
  const content = contentOf(delivery, nats.format);
  if (typeof content === 'string') return content;
  const { eventId } = event;
  const id = deduplicationId(name, eventId);
  const subject = nats.subjectOf(event);
  const named = {
    event_id: eventId,
    event_name: event.eventName,
    source: event.source,
    correlation_id: event.correlationId,
    traceparent: event.traceparent,
  };
  const all = headers();
  let bytes = overheadBytes + id.length + subject.length + content.payload.length;
  const set = (key: string, text: string): void => {
    all.set(key, text);
    bytes += key.length + text.length + 4;
  };
  for (const [key, text] of Object.entries(named)) {
    // What a header cannot carry is in the payload.
    if (typeof text === 'string' && /^[\x21-\x7e]{1,256}$/.test(text)) set(key, text);
  }
  for (const [key, text] of Object.entries(content.headers)) set(key, text);
  return { id, subject, headers: all, payload: content.payload, bytes };
}

interface Content {
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md */
function contentOf(delivery: Delivery, format: NatsSettings['format']): Content | string {
  if (format === 'headgate') return { payload: delivery.payload, headers: {} };
  const parts = readCloudEvent(delivery);
  if (typeof parts === 'string') return parts;
  if (format === 'cloudevents') {
    return { payload: structuredCloudEvent(parts), headers: { 'content-type': structuredType } };
  }
  const { headers: attributes, body } = binaryCloudEvent(parts, 'ce-');
  return { payload: body, headers: attributes };
}

/** Never rejects. */
function publishAll(
  connection: StreamConnection,
  messages: readonly Message[],
  nats: NatsSettings,
): Promise<Published[]> {
  return Promise.all(messages.map((message) => publish(connection, message, nats)));
}

async function publish(
  { client }: StreamConnection,
  { id, subject, headers: all, payload }: Message,
  nats: NatsSettings,
): Promise<Published> {
  try {
    const answer = await client.publish(subject, payload, {
      msgID: id,
      headers: all,
      timeout: nats.timeoutMs,
      ...(nats.stream === undefined ? {} : { expect: { streamName: nats.stream } }),
    });
    const isStored = typeof answer.stream === 'string' && answer.seq > 0;
    return { outcome: isStored ? delivered : otherAnswer(subject), isUnknown: false };
  } catch (error) {
    return readFailure(error, subject, nats);
  }
}
