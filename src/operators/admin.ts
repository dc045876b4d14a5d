import type { ConnectRouter } from '@connectrpc/connect';

import type { Config } from '../config/config.ts';
import { createExchange } from '../gate/exchange.ts';
import type { HttpCall } from '../http/http-call.ts';
import { listen, type Listener } from '../http/listen.ts';
import { plainPath } from '../http/request-target.ts';
import { createUniversalEndpoint } from '../http/universal.ts';
import type { Signals } from '../observability/signals.ts';
import { answerErrors } from './answer-errors.ts';
import { createAuthorize } from './authorize.ts';
import { metricsPage, type RenderMetrics } from './metrics-page.ts';
import { createReadiness } from './readiness.ts';
import { sendText, type TextAnswer } from './text-answer.ts';

export interface AdminOptions {
  readonly config: Pick<Config, 'admin' | 'http' | 'limits'>;
  readonly signals: Pick<Signals, 'operatorRequestFailed'>;
  readonly renderMetrics: RenderMetrics;
  /** Resolves when the log takes publishes; rejects with why it does not. */
  readonly probe: () => Promise<void>;
  /** A line that the health pages show although all is well. */
  readonly notice: string | undefined;
  /** The operators' RPCs: routes.ts. */
  readonly routes: (router: ConnectRouter) => void;
}

/** Besides the event that a fix may bring, which the escapes of JSON can double. */
const requestBytesMax = 1024 * 1024;
const requestTimeoutMs = 30_000;
const connectionsMax = 200;

const unauthorized: TextAnswer = {
  status: 401,
  text: 'Send HEADGATE_ADMIN_TOKEN as "Authorization: Bearer TOKEN".\n',
};
const notHere: TextAnswer = {
  status: 404,
  text: 'Not here. There are /metrics, /healthz and /readyz.\n',
};

/**
 * Opens the operators' port: health, metrics, and the RPCs that change things. Throws a StartError
 * where the address is taken.
 */
export async function openAdmin(options: AdminOptions): Promise<Listener> {
  const { config, signals } = options;
  const notice = options.notice === undefined ? '' : `${options.notice}\n`;
  const readiness = createReadiness(options.probe, notice);
  const isAuthorized = createAuthorize(config.admin.token?.reveal());
  const rpc = createUniversalEndpoint(options.routes, {
    readMaxBytes: requestBytesMax + 2 * config.limits.eventBytesMax,
    interceptors: [answerErrors(signals)],
  });
  const handle = (call: HttpCall): void => {
    const exchange = createExchange(call);
    const send = (answer: TextAnswer): void => sendText(exchange, answer);
    const path = plainPath(call.url.split('?', 1)[0]!);
    // Load balancers ask for health, and hold no token.
    if (path === '/healthz') send({ status: 200, text: `ok\n${notice}` });
    else if (path === '/readyz') void readiness().then(send);
    else if (!isAuthorized(call)) send(unauthorized);
    else if (path === '/metrics') void metricsPage(options.renderMetrics).then(send);
    else {
      // RPCs log under the correlation id that their answer carries.
      call.headers['x-correlation-id'] = exchange.correlationId;
      if (!rpc.serve(call, exchange.correlationId, path)) send(notHere);
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
