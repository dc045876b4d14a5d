import { deliverInRequests, type RequestOutcome } from '../batch-requests.ts';
import { closeWhenIdle } from '../close-when-idle.ts';
import type { Delivery, Destination, DestinationSettings, RequestPreview } from '../destination.ts';
import { openEndpoint, type HttpEndpoint } from '../http-client/endpoint.ts';
import { createHider } from '../http-client/answers.ts';
import { openAccessToken, type AccessToken } from './access-token.ts';
import { outcomeOfApi } from './api-answers.ts';
import {
  makeRequest,
  openRenderer,
  readMessage,
  type ApiMessage,
  type RequestMaker,
} from './api-request.ts';
import { readHttpApiSettings } from './read-settings.ts';

/** Enough for a reason, and for a delay in the body. */
const answerBytesMax = 64 * 1024;
/** The stored events of one request; a larger one goes alone. */
const requestBytesMax = 1024 * 1024;

interface Api extends RequestMaker {
  readonly endpoint: HttpEndpoint;
  readonly token: AccessToken | undefined;
  readonly hide: (text: string) => string;
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
    send: (messages: readonly ApiMessage[], signal: AbortSignal) => send(api, messages, signal),
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

async function send(
  api: Api,
  messages: readonly ApiMessage[],
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

/**
 * Makes the request of an event, alone, and sends nothing: no connection is opened, and no token is
 * asked for. Rejects with a StartError that names the setting to fix.
 */
export async function previewHttpApi(
  name: string,
  settings: DestinationSettings,
): Promise<RequestPreview> {
  const own = readHttpApiSettings(name, settings);
  const renderer = await openRenderer(name, own.body);
  const hide = createHider(own.url.url, own.secrets);
  const decoder = new TextDecoder();
  return {
    of: async (delivery) => {
      const message = readMessage(own, delivery);
      if (typeof message === 'string') return { fault: message };
      const request = await makeRequest({ own, renderer }, [message]);
      if ('outcome' in request) return { fault: hide(request.outcome.reason) };
      const url = hide(`${own.url.url.origin}${request.path}`);
      return { method: own.method, url, body: hide(decoder.decode(request.body)) };
    },
    close: async () => renderer?.close(),
  };
}
