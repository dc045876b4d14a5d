import { buildConnector, Pool, type Dispatcher } from 'undici';
import { StartError } from '../../errors.ts';
import { traceHttpRequests } from '../../tracing/http-client-spans.ts';
import { AddressRefusedError, connectPublicOnly } from './address-guard.ts';
import { stopped, type DestinationSettings, type Outcome } from '../destination.ts';
import type { HttpAnswer } from './answers.ts';
import { exchange, RequestStoppedError, type ExchangeAnswer } from './exchange.ts';
import { createPace } from './pace.ts';

/** The limit of a handshake. A slower host is treated as unreachable. */
const connectTimeoutMsMax = 10_000;

const concurrencyMax = 256;

/** The longest wait of a call for its turn. After a longer wait its outcome would be too late. */
const turnWaitSecondsMax = 10;

/** What a type adds to the settings that all HTTP destinations have. */
export interface EndpointOptions {
  readonly url: URL;
  /** The maximum number of bytes read from an answer. */
  readonly answerBytesMax: number;
  /** Headers that give the delay before a retry, in lower case. The first one present counts. */
  readonly waitHeaders: readonly string[];
  /** Default: POST. */
  readonly method?: Dispatcher.HttpMethod;
  /** Undefined for as many as `concurrency` allows. */
  readonly requestsPerSecond?: number | undefined;
}

/** The answer to a request, or a failure that the server or the network caused. */
export type Reply =
  | { readonly kind: 'answered'; readonly answer: HttpAnswer }
  | { readonly kind: 'unanswered'; readonly outcome: Outcome };

/** The server that requests go to. This is the only HTTP client of the destinations. */
export interface HttpEndpoint {
  /** How many calls make sense at once. */
  readonly concurrency: number;
  /**
   * Sends one body. Never rejects, and never follows a redirect. One timeout covers the whole call.
   */
  post(
    path: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer,
    signal: AbortSignal,
  ): Promise<Reply>;
  /** Waits for calls in progress. Safe to call twice. */
  close(): Promise<void>;
}

/** The address in a setting. The URL itself is never shown: its query may be a credential. */
export function readHttpUrl(name: string, setting: string, settings: DestinationSettings): URL {
  const fail = (text: string): never => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  const text = String(settings[setting]);
  const url = URL.canParse(text) ? new URL(text) : fail('it is not a URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') fail('use http or https');
  if (url.username !== '' || url.password !== '') {
    fail('take the user and password out; there is a setting of its own for the secret');
  }
  return url;
}

/** Opens a pool of connections. Throws a StartError that says which setting to fix. */
export function openEndpoint(
  name: string,
  settings: DestinationSettings,
  options: EndpointOptions,
): HttpEndpoint {
  const fail = (setting: string, text: string): never => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  const { url, requestsPerSecond, answerBytesMax, waitHeaders, method = 'POST' } = options;
  const connections = Number(settings['concurrency']);
  if (!Number.isInteger(connections) || connections < 1 || connections > concurrencyMax) {
    fail('concurrency', `give a whole number from 1 to ${concurrencyMax}`);
  }
  const timeoutMs = Number(settings['timeout']);
  if (!(timeoutMs > 0)) fail('timeout', 'give a duration above 0, such as 15s');
  const connection = { timeout: Math.min(timeoutMs, connectTimeoutMsMax), allowH2: false };
  const allowPrivate = settings['allow_private_addresses'] === true;
  const pool = new Pool(url.origin, {
    connections,
    allowH2: false,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: allowPrivate ? buildConnector(connection) : connectPublicOnly(connection),
  });
  const takeTurn = requestsPerSecond === undefined ? undefined : createPace(requestsPerSecond);
  const turnsMax = Math.ceil((requestsPerSecond ?? Number.POSITIVE_INFINITY) * turnWaitSecondsMax);
  const trace = traceHttpRequests(url);
  let closing: Promise<void> | undefined;
  return {
    concurrency: Math.min(connections, turnsMax),
    async post(path, headers, body, signal) {
      // Without a rate nothing is awaited here, so that a call counts as running at once.
      if (takeTurn !== undefined && !(await takeTurn(signal)))
        return { kind: 'unanswered', outcome: stopped };
      const send = async (sent: typeof headers): Promise<Reply> => {
        const request = { method, path, headers: sent, body };
        const end = await exchange(pool, request, { timeoutMs, answerBytesMax, signal });
        return end.kind === 'answered'
          ? { kind: 'answered', answer: readAnswer(end.answer, waitHeaders) }
          : unanswered(failureReason(end.cause, url));
      };
      if (trace === undefined) return send(headers);
      return trace(headers, send, (reply) =>
        reply.kind === 'answered' ? reply.answer.status : undefined,
      );
    },
    close: () => (closing ??= pool.close().then(() => undefined)),
  };
}

function unanswered(reason: string): Reply {
  return { kind: 'unanswered', outcome: { kind: 'retry', fault: 'destination', reason } };
}

function readAnswer(
  { status, headers, text, cut }: ExchangeAnswer,
  waitHeaders: readonly string[],
): HttpAnswer {
  const wait = waitHeaders.map((name) => headers[name]).find((value) => value !== undefined);
  return {
    status,
    retryAfter: Array.isArray(wait) ? wait[0] : wait,
    date: String(headers['date'] ?? ''),
    text,
    cut: cut && cutReason(cut),
  };
}

/** Names only the host and the code, because network errors may quote the URL. */
function failureReason(error: Error, url: URL): string {
  if (error instanceof RequestStoppedError) return error.message;
  if (error instanceof AddressRefusedError) {
    return `address_refused: ${error.message}; set allow_private_addresses: true if that is meant`;
  }
  return `no answer from ${url.host}: ${codeOf(error)}`;
}

function cutReason(error: Error): string {
  if (error instanceof RequestStoppedError) return error.message;
  return `the connection was lost (${codeOf(error)})`;
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : 'unknown fault';
}
