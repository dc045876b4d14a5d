import { buildConnector, Pool, type Dispatcher } from 'undici';
import { StartError } from '../errors.ts';
import { AddressRefusedError, connectPublicOnly } from './address-guard.ts';
import type { Delivery, Destination, DestinationSettings, Outcome } from './destination.ts';
import { createHider, outcomeOfAnswer } from './webhook-answer.ts';
import { readSigningKey, secretForm, signWebhook } from './webhook-signature.ts';

/** Of an answer, no more than this is read: enough for its reason, too little to be a burden. */
const answerBytesMax = 16 * 1024;

/** A handshake that takes longer is a host that is not there. */
const connectTimeoutMsMax = 10_000;

const concurrencyMax = 256;

interface Target {
  readonly url: URL;
  readonly keys: readonly Buffer[];
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly allowPrivate: boolean;
  readonly hide: (text: string) => string;
}

/**
 * POSTs each event to one URL as Standard Webhooks (https://www.standardwebhooks.com).
 *
 * At least once: a receiver refuses a second copy by `webhook-id`, which is the event's id and the
 * same on every attempt. One event a call, so that a slow answer holds up no other event's outcome.
 */
export function createWebhookDestination(
  name: string,
  settings: DestinationSettings,
): Destination {
  const target = readTarget(name, settings);
  const connection = {
    timeout: Math.min(target.timeoutMs, connectTimeoutMsMax),
    allowH2: false,
  };
  const pool = new Pool(target.url.origin, {
    connections: target.concurrency,
    allowH2: false,
    headersTimeout: target.timeoutMs,
    bodyTimeout: target.timeoutMs,
    connect: target.allowPrivate ? buildConnector(connection) : connectPublicOnly(connection),
  });
  let closing: Promise<void> | undefined;
  return {
    batchEventsMax: 1,
    concurrency: target.concurrency,
    deliver: (batch, signal) =>
      Promise.all(batch.map((delivery) => post(pool, target, delivery, signal))),
    close: () => (closing ??= pool.close().then(() => undefined)),
  };
}

function readTarget(name: string, settings: DestinationSettings): Target {
  const fail = (setting: string, text: string): never => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  // The URL itself is not shown: its query may be a credential.
  const urlText = String(settings['url']);
  const url = URL.canParse(urlText) ? new URL(urlText) : fail('url', 'it is not a URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') fail('url', 'use http or https');
  if (url.username !== '' || url.password !== '') {
    fail('url', 'take the user and password out; requests are signed with secret instead');
  }
  const secrets = [String(settings['secret'])];
  if (typeof settings['secret_previous'] === 'string') secrets.push(settings['secret_previous']);
  const keys = secrets.map(
    (secret, index) =>
      readSigningKey(secret) ?? fail(index === 0 ? 'secret' : 'secret_previous', secretForm),
  );
  const concurrency = Number(settings['concurrency']);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > concurrencyMax) {
    fail('concurrency', `give a whole number from 1 to ${concurrencyMax}`);
  }
  const timeoutMs = Number(settings['timeout']);
  if (!(timeoutMs > 0)) fail('timeout', 'give a duration above 0, such as 15s');
  const allowPrivate = settings['allow_private_addresses'] === true;
  return { url, keys, timeoutMs, concurrency, allowPrivate, hide: createHider(url, secrets) };
}

async function post(
  pool: Pool,
  target: Target,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<Outcome> {
  const message = readMessage(delivery);
  if (typeof message === 'string') return { kind: 'dead', reason: message };
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(new Error('the delivery was stopped'));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(
    () => stop.abort(new Error(`no answer within ${target.timeoutMs} ms`)),
    target.timeoutMs,
  );
  try {
    const response = await pool.request({
      method: 'POST',
      path: target.url.pathname + target.url.search,
      headers: headersOf(target, message),
      body: message.body,
      signal: stop.signal,
    });
    return await readAnswer(response, stop.signal, target);
  } catch (error) {
    return { kind: 'retry', fault: 'destination', reason: failureReason(error, stop, target) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

interface Message {
  readonly id: string;
  readonly body: Buffer;
  readonly traceparent: string | undefined;
  readonly correlationId: string | undefined;
}

const encoder = new TextEncoder();
const bodyEnd = encoder.encode('}');

/** The request of a delivery, or in words why it cannot be one. */
function readMessage(delivery: Delivery): Message | string {
  try {
    const { eventId, eventName, timestamp, traceparent, correlationId } = delivery.event();
    // A dot in the id would let two different messages have the same signed content.
    if (!/^[\w-]+$/.test(eventId)) return 'not a stored event: its eventId is not an id';
    if (typeof eventName !== 'string' || typeof timestamp !== 'string') {
      return 'not a stored event: it has no eventName or no timestamp';
    }
    const [type, time] = [JSON.stringify(eventName), JSON.stringify(timestamp)];
    const head = `{"type":${type},"timestamp":${time},"data":`;
    // The payload goes in as bytes: parsing and writing it again would change large numbers.
    const body = Buffer.concat([encoder.encode(head), delivery.payload, bodyEnd]);
    return { id: eventId, body, traceparent, correlationId };
  } catch (error) {
    // V8 quotes the text around the fault, which may be anybody's data.
    const text = error instanceof SyntaxError ? 'not JSON' : String(error);
    return `the payload is not a stored event: ${text}`;
  }
}

function headersOf(target: Target, message: Message): Record<string, string> {
  const { id, body } = message;
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'user-agent': 'Headgate-Webhook/1',
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signWebhook(target.keys, { id, timestampSeconds, body }),
  };
  addHeader(headers, 'traceparent', message.traceparent);
  addHeader(headers, 'x-correlation-id', message.correlationId);
  return headers;
}

/** What cannot stand in a header stays out of it; the body has it all the same. */
function addHeader(headers: Record<string, string>, name: string, value: unknown): void {
  if (typeof value === 'string' && /^[\x21-\x7e]{1,256}$/.test(value)) headers[name] = value;
}

async function readAnswer(
  response: Dispatcher.ResponseData,
  signal: AbortSignal,
  target: Target,
): Promise<Outcome> {
  const { statusCode: status, headers, body } = response;
  if (status >= 200 && status < 300) {
    // The verdict is in: whatever becomes of the body, the event has arrived.
    await body.dump({ limit: answerBytesMax, signal }).catch(() => undefined);
    return outcomeOfAnswer({ status, retryAfter: undefined, text: '' }, 0, target.hide);
  }
  const retryAfter = headers['retry-after'];
  const answer = {
    status,
    retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
    text: await readText(body),
  };
  return outcomeOfAnswer(answer, Date.now(), target.hide);
}

async function readText(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= answerBytesMax) break;
    }
  } catch {
    // The status has been read; a body that breaks off takes nothing from it.
  }
  // Leaving the loop destroys the body, and with it the connection.
  return Buffer.concat(chunks).subarray(0, answerBytesMax).toString('utf8');
}

/** Names the host and the code alone: messages of the network may quote the URL. */
function failureReason(error: unknown, stop: AbortController, target: Target): string {
  if (stop.signal.aborted) return (stop.signal.reason as Error).message;
  if (error instanceof AddressRefusedError) {
    return `address_refused: ${error.message}; set allow_private_addresses: true if that is meant`;
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown fault';
  return `no answer from ${target.url.host}: ${code}`;
}
