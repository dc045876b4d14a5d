import { timingSafeEqual } from 'node:crypto';

import type { ConnectRouter } from '@connectrpc/connect';

import type { Config } from '../config/config.ts';
import { createExchange, reply, type Exchange } from '../gate/exchange.ts';
import type { HttpCall } from '../http/http-call.ts';
import { listen, type Listener } from '../http/listen.ts';
import { createUniversalEndpoint } from '../http/universal.ts';

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
  const rpc = createUniversalEndpoint(options.routes, {
    readMaxBytes: requestBytesMax + 2 * config.limits.eventBytesMax,
  });
  const notice = options.notice === undefined ? '' : `${options.notice}\n`;
  const token = config.admin.token?.reveal();
  const handle = (call: HttpCall): void => {
    const exchange = createExchange(call);
    const path = call.url.split('?', 1)[0];
    // Health is asked by balancers, which hold no token.
    if (path === '/healthz') {
      sendText(exchange, 200, `ok\n${notice}`);
    } else if (path === '/readyz') {
      void ready().then((why) =>
        sendText(exchange, why === undefined ? 200 : 503, `${why ?? 'ready'}\n${notice}`),
      );
    } else if (token !== undefined && !isBearer(call, token)) {
      sendText(exchange, 401, 'Send HEADGATE_ADMIN_TOKEN as "Authorization: Bearer TOKEN".\n');
    } else if (path === '/metrics') {
      void options.renderMetrics().then(
        ({ text, contentType }) => sendText(exchange, 200, text, contentType),
        (error: Error) => sendText(exchange, 500, `${error.message}\n`),
      );
    } else if (!rpc.serve(call, exchange.correlationId)) {
      sendText(exchange, 404, 'Not here. There are /metrics, /healthz and /readyz.\n');
    }
  };
  return listen({
    address: config.admin.listen,
    tls: undefined,
    engine: config.http.engine,
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

function isBearer({ headers }: HttpCall, token: string): boolean {
  const sent = Buffer.from(headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return sent.length === wanted.length && timingSafeEqual(sent, wanted);
}

function sendText(
  exchange: Exchange,
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  reply(exchange, status, { 'content-type': contentType }, text);
}
