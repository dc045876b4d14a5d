import { timingSafeEqual } from 'node:crypto';

import type { ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';

import type { Config } from '../config/config.ts';
import { correlationIdOf } from './exchange.ts';
import type { CompatibleCall, HttpCall } from './http-call.ts';
import { listen, type Listener } from './listen.ts';

export interface AdminOptions {
  readonly config: Config;
  /** The page of `/metrics` and its content type. */
  readonly renderMetrics: () => Promise<{ readonly text: string; readonly contentType: string }>;
  /** Resolves when the log takes publishes; rejects with why it does not. */
  readonly probe: () => Promise<void>;
  /** What whoever looks at the health should know although all is well. */
  readonly notice: string | undefined;
  readonly routes: (router: ConnectRouter) => void;
}

/** A probe is a publish: scrapers and balancers that ask more often share one. */
const readyCacheMs = 1000;
/** Beside the event that a fix may bring, which JSON's escapes can double. */
const requestBytesMax = 1024 * 1024;
const requestTimeoutMs = 30_000;
const connectionsMax = 200;

/** The operators' port: metrics, health, and the RPCs that change things. */
export async function openAdmin(options: AdminOptions): Promise<Listener> {
  const { config } = options;
  const ready = createReadiness(options.probe);
  const rpc = connectNodeAdapter({
    routes: options.routes,
    readMaxBytes: requestBytesMax + 2 * config.limits.eventBytesMax,
    fallback: (_request, response) => {
      sendText(response as CompatibleCall['response'], 404, 'Not here. There are /metrics, /healthz and /readyz.\n');
    },
  });
  const notice = options.notice === undefined ? '' : `${options.notice}\n`;
  const token = config.admin.token?.reveal();
  const handle = (call: HttpCall): void => {
    const { request, response } = call.compatible();
    request.on('error', () => {});
    response.on('error', () => {});
    response.setHeader('x-correlation-id', correlationIdOf(request.headers));
    const path = (request.url ?? '/').split('?', 1)[0];
    // Health is asked by balancers, which hold no token.
    if (path === '/healthz') {
      sendText(response, 200, `ok\n${notice}`);
    } else if (path === '/readyz') {
      void ready().then((why) =>
        sendText(response, why === undefined ? 200 : 503, `${why ?? 'ready'}\n${notice}`),
      );
    } else if (token !== undefined && !isBearer(request, token)) {
      sendText(response, 401, 'Send HEADGATE_ADMIN_TOKEN as "Authorization: Bearer TOKEN".\n');
    } else if (path === '/metrics') {
      void options.renderMetrics().then(
        ({ text, contentType }) => sendText(response, 200, text, contentType),
        (error: Error) => sendText(response, 500, `${error.message}\n`),
      );
    } else {
      rpc(request as never, response as never);
    }
  };
  return listen({
    address: config.admin.listen,
    tls: undefined,
    handle,
    setting: 'HEADGATE_ADMIN_LISTEN',
    idleTimeoutMs: config.limits.idleTimeoutMs,
    requestTimeoutMs,
    connectionsMax,
  });
}

/** Undefined: ready. */
function createReadiness(probe: () => Promise<void>): () => Promise<string | undefined> {
  let askedAt = -Infinity;
  let answer: Promise<string | undefined> = Promise.resolve(undefined);
  return () => {
    if (performance.now() - askedAt > readyCacheMs) {
      askedAt = performance.now();
      answer = probe().then(
        () => undefined,
        (error: Error) => `not ready: ${error.message}`,
      );
    }
    return answer;
  };
}

function isBearer(request: CompatibleCall['request'], token: string): boolean {
  const sent = Buffer.from(request.headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return sent.length === wanted.length && timingSafeEqual(sent, wanted);
}

function sendText(
  response: CompatibleCall['response'],
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  response.statusCode = status;
  response.setHeader('content-type', contentType);
  response.end(text);
}
