import { StartError } from '../../errors.ts';
import { parseWithNumberTexts } from '../../event/changed-properties.ts';
import type { JsonObject } from '../../event/json/json.ts';
import { readableForm } from '../../transform/event-form.ts';
import { openTransformer, type Transformer } from '../../transform/transformer.ts';
import { deliverInRequests, type RequestOutcome } from '../batch-requests.ts';
import { closeWhenIdle } from '../close-when-idle.ts';
import { readCloudEvent, structuredCloudEvent } from '../cloudevents/cloudevent.ts';
import type { Delivery, Destination, DestinationSettings, Outcome } from '../destination.ts';
import { openEndpoint, type HttpEndpoint } from '../http-client/endpoint.ts';
import { createHider } from '../http-client/answers.ts';
import { readEvent } from '../readable-event.ts';
import { openAccessToken, type AccessToken } from './access-token.ts';
import { outcomeOfApi } from './api-answers.ts';
import { readHttpApiSettings, type HttpApiSettings } from './read-settings.ts';

/** Enough for a reason, and for a delay in the body. */
const answerBytesMax = 64 * 1024;
/** The stored events of one request; a larger one goes alone. */
const requestBytesMax = 1024 * 1024;

interface Api {
  readonly own: HttpApiSettings;
  readonly endpoint: HttpEndpoint;
  readonly token: AccessToken | undefined;
  readonly renderer: Transformer | undefined;
  readonly hide: (text: string) => string;
}

interface Message {
  readonly eventId: string;
  readonly payload: Uint8Array;
  /** JSON text, if the body is made of CloudEvents. */
  readonly cloudEvent: Buffer | undefined;
  readonly bytes: number;
}

/**
 * Sends events to any HTTP API: the operator says what a request is, and how its answers are read.
 * At least once; the guards of the webhook hold here too (no private addresses, no redirects, one
 * timeout). Rejects with a StartError that names the setting to fix.
 */
export async function createHttpApiDestination(
  name: string,
  settings: DestinationSettings,
): Promise<Destination> {
  const own = readHttpApiSettings(name, settings);
  const endpoint = openEndpoint(name, settings, {
    url: own.url.url,
    method: own.method,
    answerBytesMax,
    waitHeaders: [own.retryDelay.header],
    requestsPerSecond: Number(settings['requests_per_second'] ?? 0) || undefined,
  });
  const api: Api = {
    own,
    endpoint,
    token: own.oauth && openAccessToken(name, settings, own.oauth),
    renderer: await openRenderer(name, own.body),
    hide: createHider(own.url.url, own.secrets),
  };
  const requests = {
    requestBytesMax,
    requestEventsMax: own.batchEvents,
    read: (delivery: Delivery) => readMessage(own, delivery),
    send: (messages: readonly Message[], signal: AbortSignal) => send(api, messages, signal),
  };
  return {
    batchEventsMax: own.batchEvents,
    concurrency: endpoint.concurrency,
    ...closeWhenIdle(
      (batch, signal) => deliverInRequests(requests, batch, signal),
      async () => {
        await endpoint.close();
        await api.token?.close();
        await api.renderer?.close();
      },
    ),
  };
}

async function openRenderer(name: string, body: string | undefined) {
  if (body === undefined) return undefined;
  try {
    return await openTransformer({ kind: 'jsonata', text: body, gives: 'value' });
  } catch (cause) {
    if (!(cause instanceof StartError)) throw cause;
    const text = cause.message.replace(/^the transform /, 'the expression ');
    throw new StartError(`destinations.${name}.body: ${text}`, { cause });
  }
}

function readMessage({ inCloudEvents }: HttpApiSettings, delivery: Delivery): Message | string {
  const event = readEvent(delivery);
  if (typeof event === 'string') return event;
  const { payload } = delivery;
  const parts = inCloudEvents ? readCloudEvent(delivery) : undefined;
  if (typeof parts === 'string') return parts;
  const cloudEvent = parts && structuredCloudEvent(parts);
  const bytes = (cloudEvent ?? payload).length + 1;
  return { eventId: event.eventId, payload, cloudEvent, bytes };
}

async function send(
  api: Api,
  messages: readonly Message[],
  signal: AbortSignal,
): Promise<RequestOutcome> {
  const { own, endpoint } = api;
  const request = await makeRequest(api, messages);
  if ('outcome' in request) return request.outcome;
  const headers: Record<string, string> = { ...own.headers };
  if (own.idempotencyHeader !== undefined) headers[own.idempotencyHeader] = messages[0]!.eventId;
  const access = await api.token?.get(signal);
  if (access !== undefined) {
    if ('outcome' in access) return access.outcome;
    headers['authorization'] = `Bearer ${access.token}`;
  }
  const reply = await endpoint.post(request.path, headers, request.body, signal);
  if (reply.kind === 'unanswered') return reply.outcome;
  if (reply.answer.status === 401 && access !== undefined) api.token!.refused(access.token);
  return outcomeOfApi(reply.answer, own, api.hide);
}

interface ApiRequest {
  readonly path: string;
  readonly body: Buffer;
}

const decoder = new TextDecoder();

async function makeRequest(
  { own, renderer }: Api,
  messages: readonly Message[],
): Promise<ApiRequest | { readonly outcome: Outcome }> {
  const dead = (reason: string) => ({ outcome: { kind: 'dead', reason } as const });
  const texts = messages.map(({ payload }) => decoder.decode(payload));
  const events = texts.map((text) => readableForm(parseWithNumberTexts(text) as JsonObject));
  const filled = own.url.fill(events[0]!);
  if ('missing' in filled) return dead(`the url needs ${filled.missing}, which the event has not`);
  const { path } = filled;
  const inList = own.batchEvents > 1;
  if (own.inCloudEvents) return { path, body: cloudEventsBody(messages, own) };
  if (renderer === undefined)
    return { path, body: bodyOf(inList ? events : events[0], own.format) };
  const input = inList ? `[${texts.join(',')}]` : texts[0]!;
  const [result] = await renderer.run([Buffer.from(input)]);
  if (result!.kind === 'failed') return dead(`body: ${result!.reason}`);
  const value = JSON.parse(decoder.decode((result as { payload: Uint8Array }).payload)) as unknown;
  if (own.format === 'text' && typeof value !== 'string') return dead('body: gave no text');
  return { path, body: bodyOf(value, own.format) };
}

function cloudEventsBody(
  messages: readonly Message[],
  { format, batchEvents }: HttpApiSettings,
): Buffer {
  const texts = messages.map(({ cloudEvent }) => cloudEvent!.toString());
  if (format === 'ndjson') return Buffer.from(texts.map((text) => `${text}\n`).join(''));
  return Buffer.from(batchEvents > 1 ? `[${texts.join(',')}]` : texts[0]!);
}

/** Numbers of an event that is sent as it is keep their digits. */
function bodyOf(value: unknown, format: HttpApiSettings['format']): Buffer {
  if (format === 'text' && typeof value === 'string') return Buffer.from(value);
  if (format !== 'ndjson') return Buffer.from(JSON.stringify(value));
  const items = Array.isArray(value) ? (value as unknown[]) : [value];
  return Buffer.from(items.map((item) => `${JSON.stringify(item)}\n`).join(''));
}
