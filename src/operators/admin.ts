import type { ConnectRouter, Interceptor } from '@connectrpc/connect';

import { isLoopback } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import type { OperatorEntry } from '../config/operators/operator-entry.ts';
import { createExchange, type Exchange } from '../gate/exchange.ts';
import { createCallerIp } from '../gate/intake/caller-address.ts';
import type { HttpCall } from '../http/http-call.ts';
import { listen, type Listener } from '../http/listen.ts';
import { isCrossSite, isLocalHost } from '../http/same-site.ts';
import { readTlsFiles } from '../http/tls-files.ts';
import { plainPath } from '../http/request-target.ts';
import { createUniversalEndpoint } from '../http/universal.ts';
import type { Signals } from '../observability/signals.ts';
import { answerErrors } from './answer-errors.ts';
import { createAuthorize, type TokenOwner } from './access/authorize.ts';
import { checkRoles } from './access/check-roles.ts';
import { contextOf } from './access/operator.ts';
import { createStrangers } from './access/strangers.ts';
import { createMetricsEndpoint, type MetricsPage } from './metrics-page.ts';
import { createReadiness } from './readiness.ts';
import { sendText, type TextAnswer } from './text-answer.ts';
import type { OperatorTokens } from './token-files.ts';

export interface AdminPortOptions {
  readonly config: Pick<Config, 'admin' | 'operators' | 'http' | 'limits' | 'trustedProxies'>;
  readonly tokens: OperatorTokens;
  readonly signals: Pick<
    Signals,
    'operatorRequestFailed' | 'operatorRefused' | 'callerLimited' | 'trouble'
  >;
  readonly metricsPage: MetricsPage;
  /** Resolves if the log accepts messages; otherwise rejects with the reason. */
  readonly probe: () => Promise<void>;
  /** The lines of `/healthz` and `/readyz` below their first, each with its line end. */
  readonly notice: () => string;
  /** Records what operators do (audit/audit-calls.ts): not what their role refuses them. */
  readonly audit: Interceptor;
  /** The operators' RPCs: routes.ts. */
  readonly routes: (router: ConnectRouter) => void;
}

export interface AdminListener extends Listener {
  /** Replaces the named operators, also for streams that are open. */
  useOperators(operators: readonly OperatorEntry[]): void;
}

/** The limit in addition to the event of a fix, whose size JSON escapes can double. */
const requestBytesMax = 1024 * 1024;
const requestTimeoutMs = 30_000;
const connectionsMax = 200;

const metricsOnly: TextAnswer = {
  status: 403,
  text: 'A token with the role metrics opens /metrics alone. Send the token of another role.\n',
};
const fromBrowser: TextAnswer = {
  status: 403,
  text:
    'A page of another site sent this request, or Host is a name that this port does not have. ' +
    'Address the admin port by its IP address or localhost.\n',
};
const notHere: TextAnswer = {
  status: 404,
  text: 'Not found. This port serves /metrics, /healthz and /readyz.\n',
};

/**
 * Opens the operators' port: health, metrics, and the operators' RPCs. Throws a StartError if the
 * address is in use.
 */
export async function openAdmin(options: AdminPortOptions): Promise<AdminListener> {
  const { config, signals, notice } = options;
  const readiness = createReadiness(options.probe, notice);
  const authorize = createAuthorize(options.tokens, config.operators);
  const { trustedProxies } = config;
  const strangers = createStrangers({ trustedProxies, signals });
  const ipOf = createCallerIp(trustedProxies);
  // Elsewhere the names of the port are not known, and the token alone protects it.
  const checksHost = isLoopback(config.admin.listen.host);
  const isForeignPage = ({ headers }: HttpCall): boolean =>
    isCrossSite(headers) || (checksHost && !isLocalHost(headers));
  const rpc = createUniversalEndpoint(options.routes, {
    readMaxBytes: requestBytesMax + 2 * config.limits.eventBytesMax,
    interceptors: [answerErrors(signals), checkRoles, options.audit],
    bodyTimeoutMs: requestTimeoutMs,
  });
  const serveMetrics = createMetricsEndpoint(options.metricsPage);
  const serveRpc = (exchange: Exchange, path: string, owner: TokenOwner): void => {
    const { call, correlationId } = exchange;
    // RPCs log under the correlation id that their answer carries.
    call.headers['x-correlation-id'] = correlationId;
    const operator = { name: owner.name, role: owner.role, address: ipOf(call) };
    const values = contextOf(operator, owner.isCurrent);
    if (rpc.serve(call, correlationId, path, values)) return;
    if (owner.role === 'metrics') {
      signals.operatorRefused('role', operator.address);
      sendText(exchange, metricsOnly);
    } else sendText(exchange, notHere);
  };
  const handle = (call: HttpCall): void => {
    const exchange = createExchange(call);
    const send = (answer: TextAnswer): void => sendText(exchange, answer);
    const path = plainPath(call.url.split('?', 1)[0]!);
    // Health needs no token, because load balancers have none.
    if (path === '/healthz') send({ status: 200, text: `ok\n${notice()}` });
    else if (path === '/readyz') {
      readiness()
        .then(send)
        .catch((error: unknown) => signals.trouble('answering /readyz', error));
    } else if (isForeignPage(call)) send(fromBrowser);
    else {
      const owner = authorize.ownerOf(call);
      call.connection.isKnown = owner !== undefined;
      if (owner === undefined) strangers.refuse(exchange);
      else if (path === '/metrics') serveMetrics(exchange);
      else serveRpc(exchange, path, owner);
    }
  };
  const listener = await listen({
    address: config.admin.listen,
    tls: config.admin.tls,
    tlsFiles: config.admin.tls && readTlsFiles(config.admin.tls, undefined, 'admin.tls'),
    engine: config.http.engine,
    handle,
    setting: 'HEADGATE_ADMIN_LISTEN',
    idleTimeoutMs: config.limits.idleTimeoutMs,
    requestTimeoutMs,
    connectionsMax,
    trustedProxies,
    limited: signals.callerLimited,
  });
  return {
    ...listener,
    useOperators: authorize.useOperators,
    close: (graceMs) => {
      strangers.close();
      return listener.close(graceMs);
    },
  };
}
