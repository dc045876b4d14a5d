import { isLoopback } from '../config/address.ts';
import { createExchange, type Exchange } from '../gate/exchange.ts';
import type { CallerIp } from '../gate/intake/caller-address.ts';
import type { HttpCall, RequestHandler } from '../http/http-call.ts';
import { plainPath } from '../http/request-target.ts';
import { isCrossSite, isLocalHost } from '../http/same-site.ts';
import type { UniversalEndpoint } from '../http/universal.ts';
import type { Config } from '../config/config.ts';
import type { Signals } from '../observability/signals.ts';
import type { Authorize, TokenOwner } from './access/authorize.ts';
import { contextOf } from './access/operator.ts';
import type { Strangers } from './access/strangers.ts';
import type { Console } from './console/console.ts';
import { sessionPath } from './console/session-endpoint.ts';
import { createMetricsEndpoint, type MetricsPage } from './metrics-page.ts';
import { createReadiness } from './readiness.ts';
import { sendText, type TextAnswer } from './text-answer.ts';

export interface AdminRequestsOptions {
  readonly config: Pick<Config, 'admin'>;
  readonly signals: Pick<Signals, 'operatorRefused'>;
  readonly onTrouble: (where: string, error: unknown) => void;
  readonly metricsPage: MetricsPage;
  /** Resolves if the log accepts messages; otherwise rejects with the reason. */
  readonly probe: () => Promise<void>;
  /** The lines of `/healthz` and `/readyz` below their first, each with its line end. */
  readonly notice: () => string;
  readonly authorize: Pick<Authorize, 'ownerOf'>;
  readonly strangers: Pick<Strangers, 'refuse'>;
  readonly console: Pick<Console, 'servePage' | 'serveSession' | 'ownerOf'>;
  readonly rpc: UniversalEndpoint;
  readonly ipOf: CallerIp;
}

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
const notFromConsole: TextAnswer = {
  status: 403,
  text:
    'The cookie of the console is taken only from its own pages, with the header X-Headgate-Console: 1. ' +
    'Programs send a token as "Authorization: Bearer TOKEN".\n',
};
const notHere: TextAnswer = {
  status: 404,
  text: 'Not found. This port serves /metrics, /healthz, /readyz and the console.\n',
};

/** Answers the requests of the operators' port: each goes to one endpoint, once its sender is known. */
export function createAdminRequests(options: AdminRequestsOptions): RequestHandler {
  const { config, notice, console: ui } = options;
  const readiness = createReadiness(options.probe, notice);
  // Elsewhere the names of the port are not known, and the token alone protects it.
  const checksHost = isLoopback(config.admin.listen.host);
  const hasOtherName = ({ headers }: HttpCall): boolean => checksHost && !isLocalHost(headers);
  const enter = createEntrance(options);
  return (call) => {
    const exchange = createExchange(call);
    const send = (answer: TextAnswer): void => sendText(exchange, answer);
    const path = plainPath(call.url.split('?', 1)[0]!);
    // Health needs no token, because load balancers have none.
    if (path === '/healthz') send({ status: 200, text: `ok\n${notice()}` });
    else if (path === '/readyz') {
      readiness()
        .then(send)
        .catch((error: unknown) => options.onTrouble('answering /readyz', error));
    } else if (hasOtherName(call)) send(fromBrowser);
    // Also by a link of another site: these files hold no data.
    else if (ui.servePage(exchange, path)) return;
    else if (isCrossSite(call.headers)) send(fromBrowser);
    else if (path === sessionPath) ui.serveSession(exchange);
    else enter(exchange, path);
  };
}

/** Requests that need a token, or the session of the console. */
function createEntrance(options: AdminRequestsOptions): (exchange: Exchange, path: string) => void {
  const { signals, authorize, strangers, console: ui, rpc, ipOf } = options;
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
  return (exchange, path) => {
    const { call } = exchange;
    const byToken = authorize.ownerOf(call);
    // A cookie opens RPCs alone, and no page that a link may lead to.
    const isRpc = byToken === undefined && !sendsToken(call) && rpc.has(path);
    const owner = isRpc ? ui.ownerOf(call) : byToken;
    call.connection.isKnown = owner !== undefined && owner !== 'foreign';
    if (owner === undefined) strangers.refuse(exchange);
    else if (owner === 'foreign') {
      signals.operatorRefused('no_token', ipOf(call));
      sendText(exchange, notFromConsole);
    } else if (path === '/metrics') serveMetrics(exchange);
    else serveRpc(exchange, path, owner);
  };
}

/** A proxy in front may have asked for a password: that is no token of ours. */
function sendsToken({ headers }: HttpCall): boolean {
  return /^bearer\b/i.test(headers.authorization ?? '');
}
