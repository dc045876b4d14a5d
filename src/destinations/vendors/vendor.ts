import { parseExactly } from '../../event/exact-numbers.ts';
import { readEventTime, type StoredEvent } from '../../event/stored-event.ts';
import { deliverInRequests, type RequestOutcome } from '../batch-requests.ts';
import type { Delivery, Destination, DestinationSettings, Outcome } from '../destination.ts';
import {
  createHider,
  outcomeOfAnswer,
  type AnswerReading,
  type HttpAnswer,
} from '../http-client/answers.ts';
import { openEndpoint, readHttpUrl, type HttpEndpoint } from '../http-client/endpoint.ts';
import { readEvent } from '../readable-event.ts';

/** Room for an error about each of a thousand events. */
const answerBytesMax = 1024 * 1024;

/** An event in the vendor's format. */
export interface VendorMessage {
  readonly eventId: string;
  /** The id by which the vendor knows the event, if it is another. */
  readonly sentId: string;
  readonly to: VendorRequest;
  readonly text: string;
  readonly bytes: number;
}

/** An endpoint of a vendor that takes many events. One object for each: it distinguishes their requests. */
export interface VendorRequest {
  /** With its query. */
  readonly path: string;
  /** What stands around the events of a request, which have commas between. */
  readonly around: readonly [before: string, after: string];
  /** If it takes fewer than others. */
  readonly eventsMax?: number;
  /**
   * What an answer says beyond its status; undefined: the status says it all. It is not asked about a
   * 2xx whose body did not arrive whole: its events are sent again.
   */
  readonly validate?: (
    answer: HttpAnswer,
    messages: readonly VendorMessage[],
  ) => RequestOutcome | undefined;
}

/** An event in the vendor's format, and the endpoint that takes it. */
export interface VendorTranslation {
  readonly to: VendorRequest;
  readonly body: object;
  /** The id by which the vendor knows the event, if it is not the event's. */
  readonly id?: string;
}

/** What one analytics vendor requires: the limits and the format. */
export interface Vendor {
  readonly headers: Readonly<Record<string, string>>;
  /** The setting with the key, for the advice on a 401. */
  readonly keySetting: string;
  /** What must not be shown, in every form in which it is sent. */
  readonly secrets: readonly string[];
  readonly eventBytesMax: number;
  readonly requestBytesMax: number;
  readonly requestEventsMax: number;
  readonly waitHeaders: readonly string[];
  /**
   * The event in the vendor's format. An error that it throws is not caused by the event.
   *
   * @param time what the vendor is to take for its time: RFC 3339.
   */
  readonly translate: (event: StoredEvent, time: string) => VendorTranslation;
}

/**
 * Forwards events to an analytics vendor in batches, through the same client as the webhook.
 *
 * An answer that refuses a request for what is in it (400, 413, 422) is final for an event that is
 * alone in it: a vendor that refuses an event once refuses it always. Everything else, a wrong key
 * among it, is a failure of the destination: its events wait until it is fixed.
 */
export function createVendorDestination(
  name: string,
  settings: DestinationSettings,
  vendor: Vendor,
): Destination {
  const url = readHttpUrl(name, 'host', settings);
  const { waitHeaders, requestBytesMax, requestEventsMax } = vendor;
  const endpoint = openEndpoint(name, settings, { url, answerBytesMax, waitHeaders });
  const keyAdvice = `the key is not accepted: fix destinations.${name}.${vendor.keySetting}`;
  const reading: AnswerReading = {
    refusesEvent: (status) => status === 400 || status === 413 || status === 422,
    hide: createHider(url, vendor.secrets),
    advice: {
      401: keyAdvice,
      403: keyAdvice,
      402: 'the account has no room left; its events wait',
      404: `nothing is there: fix destinations.${name}.host`,
    },
  };
  const base = url.pathname.replace(/\/$/, '');
  const timeOf: TimeOf =
    settings['time'] === 'received' ? ({ timestamp }) => timestamp : readEventTime;
  const requests = {
    requestBytesMax,
    requestEventsMax,
    read: (delivery: Delivery) => readMessage(vendor, timeOf, delivery),
    groupOf: ({ to }: VendorMessage) => to,
    send: (messages: readonly VendorMessage[], signal: AbortSignal) =>
      post(endpoint, base, vendor, reading, messages, signal),
  };
  return {
    batchEventsMax: requestEventsMax,
    concurrency: endpoint.concurrency,
    deliver: (batch, signal) => deliverInRequests(requests, batch, signal),
    close: () => endpoint.close(),
  };
}

/** Who did it: the user where known, else the device. */
export function personOf({ userId, anonymousId }: StoredEvent): string {
  return userId ?? anonymousId ?? '';
}

/** The address of the person, if the producer sends it; never that of the gate. */
export function addressOf({ context }: StoredEvent): string | undefined {
  const address = context?.['ip'];
  return typeof address === 'string' && address !== '' ? address : undefined;
}

/** Basic authorization, as a header and as what to hide. */
export function basicAuthorization(user: string, password: string): string {
  return Buffer.from(`${user}:${password}`).toString('base64');
}

/** An outcome of a single event that the vendor refused. */
export function refused(reason: string, status = '400'): Outcome {
  return { kind: 'dead', reason, status };
}

type TimeOf = (event: StoredEvent) => string;

function readMessage(vendor: Vendor, timeOf: TimeOf, delivery: Delivery): VendorMessage | string {
  const event = readEvent(delivery);
  if (typeof event === 'string') return event;
  if (personOf(event) === '') return 'not a stored event: it has neither userId nor anonymousId';
  const {
    to,
    body,
    id = event.eventId,
  } = vendor.translate(exactly(event, delivery), timeOf(event));
  const text = JSON.stringify(body);
  const bytes = Buffer.byteLength(text) + 1;
  if (bytes <= vendor.eventBytesMax) {
    return { eventId: event.eventId, sentId: id, to, text, bytes };
  }
  return `it has ${bytes} bytes in the vendor's form, which takes ${vendor.eventBytesMax} at most`;
}

/** With numbers as the producer wrote them: an id of twenty digits is another one as a double. */
function exactly(event: StoredEvent, { payload }: Delivery): StoredEvent {
  const exact = parseExactly(Buffer.from(payload).toString());
  return exact === undefined ? event : (exact as unknown as StoredEvent);
}

async function post(
  endpoint: HttpEndpoint,
  base: string,
  vendor: Vendor,
  reading: AnswerReading,
  messages: readonly VendorMessage[],
  signal: AbortSignal,
): Promise<RequestOutcome> {
  const { path, around, validate } = messages[0]!.to;
  const [before, after] = around;
  const body = Buffer.from(before + messages.map(({ text }) => text).join(',') + after);
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Headgate/1',
    ...vendor.headers,
  };
  const reply = await endpoint.post(base + path, headers, body, signal);
  if (reply.kind === 'unanswered') return reply.outcome;
  const answer = { ...reply.answer, text: reading.hide(reply.answer.text) };
  if (validate !== undefined && isCutSuccess(answer)) return unread(answer);
  const validated = validate?.(answer, messages);
  if (validated !== undefined) return validated;
  const outcome = outcomeOfAnswer(answer, Date.now(), reading);
  if (outcome.kind !== 'retry' || outcome.fault !== 'event') return outcome;
  return refused(outcome.reason, outcome.status);
}

function isCutSuccess({ status, cut }: HttpAnswer): boolean {
  return cut !== undefined && status >= 200 && status < 300;
}

/** What is missing may say that the vendor dropped the events. */
function unread({ status, cut }: HttpAnswer): Outcome {
  return {
    kind: 'retry',
    fault: 'destination',
    reason: `answered ${status}, but its body, which may refuse the events, is not whole: ${cut}`,
    status: String(status),
  };
}
