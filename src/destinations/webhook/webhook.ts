import { createHash, type KeyObject } from 'node:crypto';
import { StartError } from '../../errors.ts';
import { deliverInRequests, type RequestOutcome } from '../batch-requests.ts';
import {
  batchedType,
  readCloudEvent,
  structuredCloudEvent,
  structuredType,
} from '../cloudevents/cloudevent.ts';
import { readFormat } from '../cloudevents/format.ts';
import type { Delivery, Destination, DestinationSettings, Outcome } from '../destination.ts';
import { createHider, outcomeOfAnswer, type AnswerReading } from '../http-client/answers.ts';
import { openEndpoint, readHttpUrl, type HttpEndpoint } from '../http-client/endpoint.ts';
import { readEventHead } from '../readable-event.ts';
import { readSigningKey, secretForm, signWebhook } from './signature.ts';

/** The maximum number of bytes read from an answer: enough for its reason. */
const answerBytesMax = 16 * 1024;

/** The limit for the events of one request: most receivers accept it without a setting. */
const requestBytesMax = 1024 * 1024;

interface Target {
  readonly path: string;
  readonly keys: readonly KeyObject[];
  /** True: requests are lists of events, even of one. */
  readonly inBatches: boolean;
  readonly reading: AnswerReading;
  readonly inCloudEvents: boolean;
}

/**
 * POSTs events to one URL as Standard Webhooks (https://www.standardwebhooks.com), one a request or
 * several.
 *
 * At least once: a receiver refuses a second copy by the event's id, which is `webhook-id` where a
 * request is one event. One event a call by default, so that a slow answer holds up no other.
 *
 * open -> gone, when the endpoint answers 410: nothing is sent any more, its events wait, and only
 * a restart opens it again. It was its owner's word that ended it, so it is a person's that resumes.
 */
export function createWebhookDestination(name: string, settings: DestinationSettings): Destination {
  const url = readHttpUrl(name, 'url', settings);
  const target = readTarget(name, settings, url);
  const endpoint = openEndpoint(name, settings, {
    url,
    answerBytesMax,
    waitHeaders: ['retry-after'],
    requestsPerSecond: Number(settings['requests_per_second'] ?? 0) || undefined,
  });
  const batchEventsMax = Number(settings['batch_events'] ?? 1);
  let gone: Outcome | undefined;
  const send = async (
    messages: readonly Message[],
    signal: AbortSignal,
  ): Promise<RequestOutcome> => {
    const outcome = await post(endpoint, target, messages, signal);
    if (outcome.kind === 'retry' && outcome.status === '410') gone = outcome;
    return outcome;
  };
  const read = target.inCloudEvents ? readCloudEventMessage : readMessage;
  const requests = { requestBytesMax, requestEventsMax: batchEventsMax, read, send };
  return {
    batchEventsMax,
    concurrency: endpoint.concurrency,
    async deliver(batch, signal) {
      const known = gone;
      return known === undefined
        ? deliverInRequests(requests, batch, signal)
        : batch.map(() => known);
    },
    disabled: () => (gone?.kind === 'retry' ? gone.reason : undefined),
    close: () => endpoint.close(),
  };
}

/**
 * Answers below 500 that speak of the endpoint and not of the event: every event would get them.
 * Wrong or missing credentials (401, 407), not an endpoint that takes POST (405), too slow (408),
 * too early (425), too many (429), and 410, with which Standard Webhooks retires an endpoint.
 */
const endpointStatuses: ReadonlySet<number> = new Set([401, 405, 407, 408, 410, 425, 429]);

export const webhookReading: Omit<AnswerReading, 'hide'> = {
  refusesEvent: (status) => status >= 400 && status < 500 && !endpointStatuses.has(status),
  advice: {
    410:
      'the endpoint is gone for good. Nothing more is sent and its events wait; set url to its ' +
      'new place, or take the destination out, and restart',
  },
};

function readTarget(name: string, settings: DestinationSettings, url: URL): Target {
  const fail = (setting: string, text: string): never => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  const secrets = [String(settings['secret'])];
  if (typeof settings['secret_previous'] === 'string') secrets.push(settings['secret_previous']);
  const keys = secrets.map(
    (secret, index) =>
      readSigningKey(secret) ?? fail(index === 0 ? 'secret' : 'secret_previous', secretForm),
  );
  return {
    path: url.pathname + url.search,
    keys,
    inBatches: Number(settings['batch_events'] ?? 1) > 1,
    reading: { ...webhookReading, hide: createHider(url, secrets) },
    inCloudEvents: readFormat(name, settings, ['headgate', 'cloudevents']) === 'cloudevents',
  };
}

async function post(
  endpoint: HttpEndpoint,
  target: Target,
  messages: readonly Message[],
  signal: AbortSignal,
): Promise<Outcome> {
  const request = target.inBatches ? batchRequest(messages, target) : messages[0]!;
  const headers = headersOf(target, request);
  const reply = await endpoint.post(target.path, headers, request.body, signal);
  if (reply.kind === 'unanswered') return reply.outcome;
  return outcomeOfAnswer(reply.answer, Date.now(), target.reading);
}

interface Message {
  readonly id: string;
  /** JSON text; of a request with several events, of one of them. */
  readonly body: Buffer;
  readonly bytes: number;
  readonly timestamp: string;
  readonly traceparent: string | undefined;
  readonly correlationId: string | undefined;
}

const objectEnd = Buffer.from('}');

/** The message of a delivery, or the reason why the event cannot be sent. */
function readMessage(delivery: Delivery): Message | string {
  const event = readEventHead(delivery);
  if (typeof event === 'string') return event;
  const { eventId: id, timestamp, traceparent, correlationId } = event;
  // The payload goes in as bytes: parsing and writing it again would change large numbers.
  const head = headOf(event.eventName, timestamp);
  const headBytes = Buffer.byteLength(head);
  const body = Buffer.allocUnsafe(headBytes + delivery.payload.length + 1);
  body.write(head);
  body.set(delivery.payload, headBytes);
  body.set(objectEnd, body.length - 1);
  return { id, body, bytes: body.length + 1, timestamp, traceparent, correlationId };
}

/** The message is a CloudEvent in place of a Standard Webhook; it is signed alike. */
function readCloudEventMessage(delivery: Delivery): Message | string {
  const parts = readCloudEvent(delivery);
  if (typeof parts === 'string') return parts;
  const { eventId: id, timestamp, traceparent, correlationId } = delivery.event();
  const body = structuredCloudEvent(parts);
  return { id, body, bytes: body.length + 1, timestamp, traceparent, correlationId };
}

/** A Standard Webhook is an object with these three; `data` follows. */
function headOf(type: string, timestamp: string): string {
  return `{"type":${JSON.stringify(type)},"timestamp":${JSON.stringify(timestamp)},"data":`;
}

type SignedRequest = Pick<Message, 'id' | 'body'> & Partial<Message>;

/**
 * Several events in one request. Its id follows from theirs, so that the same request has the same
 * one on every attempt; after a crash events may come in other company, and only their own ids hold.
 */
function batchRequest(messages: readonly Message[], { inCloudEvents }: Target): SignedRequest {
  const ids = createHash('sha256').update(messages.map(({ id }) => id).join(' '));
  const list = messages.flatMap(({ body }, index) => [index === 0 ? listStart : comma, body]);
  const body = inCloudEvents
    ? Buffer.concat([...list, listEnd])
    : Buffer.concat([
        Buffer.from(headOf('batch', messages[0]!.timestamp)),
        ...list,
        listEnd,
        objectEnd,
      ]);
  return { id: `batch_${ids.digest('hex').slice(0, 32)}`, body };
}

const [listStart, comma, listEnd] = [Buffer.from('['), Buffer.from(','), Buffer.from(']')];

function headersOf(target: Target, request: SignedRequest): Record<string, string> {
  const { id, body } = request;
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const headers: Record<string, string> = {
    'content-type': contentTypeOf(target),
    'user-agent': 'Headgate-Webhook/1',
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signWebhook(target.keys, { id, timestampSeconds, body }),
  };
  addHeader(headers, 'traceparent', request.traceparent);
  addHeader(headers, 'x-correlation-id', request.correlationId);
  return headers;
}

function contentTypeOf({ inCloudEvents, inBatches }: Target): string {
  if (!inCloudEvents) return 'application/json';
  return inBatches ? batchedType : structuredType;
}

/** Leaves out values that a header cannot carry; the body has them. */
function addHeader(headers: Record<string, string>, name: string, value: unknown): void {
  if (typeof value === 'string' && /^[\x21-\x7e]{1,256}$/.test(value)) headers[name] = value;
}
