import { ServiceError } from '../errors.ts';
import type { RequestHandler } from '../http/http-call.ts';
import type { IsFastPath } from '../http/http1/reader.ts';
import { findPath, plainPath } from '../http/request-target.ts';
import { cloudEventsPath, selectCloudEvents } from './cloudevents/cloudevents-endpoint.ts';
import { createExchange, reply, type Exchange } from './exchange.ts';
import type { GateContext } from './gate-context.ts';
import { openApiPath } from './openapi/openapi.ts';
import { selectRestBatch, selectRestTrack, selectRestValidate } from './rest/rest-endpoints.ts';
import { answerInTurn, refuseInTurn } from './refuse-in-turn.ts';
import type { ConnectEndpoints } from './rpc/connect-router.ts';
import { selectRpcForm } from './rpc/select-rpc-form.ts';
import type { RpcEntry } from './rpc/serve-rpc.ts';
import { trackRpcs } from './rpc/track-rpcs.ts';
import { relayRpcs } from './relay/relay-rpcs.ts';
import { serveRequest, type EndpointRow, type SelectedEndpoint } from './serve-request.ts';
import { flagMethods, flagPaths, serveFlags } from './vendors/flag-endpoints.ts';
import { mixpanelEndpoints } from './vendors/mixpanel-endpoint.ts';
import { posthogEndpoints } from './vendors/posthog-endpoint.ts';
import { segmentAliases, segmentEndpoints } from './vendors/segment-endpoint.ts';
import { webhookCall, webhookPath, type WebhookEntry } from './webhooks/webhook-endpoint.ts';

/** What serves the requests to a path. */
interface Route {
  readonly methods: readonly string[];
  /** The endpoint, by the headers of the request where the path has several. Throws a ServiceError. */
  readonly select: (exchange: Exchange) => SelectedEndpoint;
}

/** The paths of vendors' protocols, and of CloudEvents. */
export const vendorRoutes: ReadonlyMap<string, Route> = new Map([
  ...segmentEndpoints.map(postRoute),
  ...segmentAliases.map(postRoute),
  ...posthogEndpoints.map(postRoute),
  ...mixpanelEndpoints.map(postOrGetRoute),
  [cloudEventsPath, post(selectCloudEvents)],
]);

/** The paths that take events, besides RPCs. Those of webhooks begin with `webhookPath`. */
const eventRoutes: ReadonlyMap<string, Route> = new Map([
  ['/v1/track', post(selectRestTrack)],
  ['/v1/batch', post(selectRestBatch)],
  ['/v1/validate', post(selectRestValidate)],
  ...vendorRoutes,
]);

/** The RPCs of our own, by their paths. */
const publicRpcs: ReadonlyMap<string, RpcEntry> = new Map([...trackRpcs, ...relayRpcs]);

/** Serves every request to the gate, by its path. `rpcs` has the RPCs of our own by their paths. */
export function createRequestHandler(
  context: GateContext,
  connect: ConnectEndpoints,
  webhooks: ReadonlyMap<string, WebhookEntry>,
  openApi: () => Buffer,
  rpcs: ReadonlyMap<string, RpcEntry> = publicRpcs,
): RequestHandler {
  const isKnown = (path: string): boolean =>
    eventRoutes.has(path) ||
    rpcs.has(path) ||
    isWebhook(webhooks, path) ||
    path === openApiPath ||
    flagPaths.has(path);
  return (call) => {
    const { url, method } = call;
    const query = url.indexOf('?');
    let path = query === -1 ? url : url.slice(0, query);
    const exchange = createExchange(call);
    let route = eventRoutes.get(path);
    let rpc = route === undefined ? rpcs.get(path) : undefined;
    if (route === undefined && rpc === undefined && !isKnown(path)) {
      path = findPath(path, isKnown);
      route = eventRoutes.get(path);
      rpc = rpcs.get(path);
    }
    if (route !== undefined) serveRoute(context, exchange, path, route);
    else if (rpc !== undefined) serveRpc(context, exchange, path, rpc);
    else if (path.startsWith(webhookPath)) serveWebhook(context, webhooks, exchange, path);
    else if (flagPaths.has(path)) serveFlagPath(context, exchange, path);
    // Health checking and reflection.
    else if (path.startsWith('/grpc.')) serveByRouter(connect, exchange, path);
    else if (path === openApiPath && (method === 'GET' || method === 'HEAD')) {
      const headers = { 'content-type': 'application/json' };
      answerInTurn(context, exchange, () => reply(exchange, 200, headers, openApi()));
    } else {
      const shown = path.slice(0, 80);
      refuseUnknown(context, exchange, `No endpoint ${shown} exists. Events go to POST /v1/track.`);
    }
  };
}

const takesEvents = (path: string): boolean => eventRoutes.has(path) || publicRpcs.has(path);

/** The endpoint of a path, as traces name it. Undefined: the path takes no events. */
export function routeOf(sent: string): string | undefined {
  if (takesEvents(sent)) return sent;
  const path = findPath(sent, takesEvents);
  if (takesEvents(path)) return path;
  return plainPath(path).startsWith(webhookPath) ? `${webhookPath}{source}` : undefined;
}

const fastRestPaths = new Set(['/v1/track', '/v1/batch']);
const fastRpcTypes = new Set(['application/json', 'application/proto']);

/** The hot endpoints: `POST`s to them never need what Node's classes of HTTP/1.1 have. */
export function isFastPathOf(rpcs: ReadonlyMap<string, RpcEntry>): IsFastPath {
  return (url, headers) =>
    fastRestPaths.has(url) || (rpcs.has(url) && fastRpcTypes.has(headers['content-type'] ?? ''));
}

export const isFastPath = isFastPathOf(publicRpcs);

function post(select: Route['select']): Route {
  return { methods: ['POST'], select };
}

function postRoute([path, endpoint, call]: EndpointRow): [string, Route] {
  const selected = { endpoint, call };
  return [path, post(() => selected)];
}

function postOrGetRoute(row: EndpointRow): [string, Route] {
  const [path, route] = postRoute(row);
  return [path, { ...route, methods: ['POST', 'GET'] }];
}

function serveRoute(
  context: GateContext,
  exchange: Exchange,
  path: string,
  { methods, select }: Route,
): void {
  if (!methods.includes(exchange.call.method)) {
    refuseMethod(context, exchange, path, methods);
    return;
  }
  const selected = selectOrRefuse(context, exchange, select);
  if (selected !== undefined) serveRequest(context, exchange, selected.endpoint, selected.call);
}

function serveRpc(context: GateContext, exchange: Exchange, path: string, rpc: RpcEntry): void {
  if (exchange.call.method !== 'POST') {
    refuseMethod(context, exchange, path, ['POST']);
    return;
  }
  const form = selectOrRefuse(context, exchange, selectRpcForm);
  if (form !== undefined) rpc.serve(context, exchange, form);
}

/** What `select` returns. Undefined: it refused the request, which has its answer. */
function selectOrRefuse<Selected>(
  context: GateContext,
  exchange: Exchange,
  select: (exchange: Exchange) => Selected,
): Selected | undefined {
  try {
    return select(exchange);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    refuseInTurn(context, exchange, error);
    return undefined;
  }
}

function isWebhook(webhooks: ReadonlyMap<string, WebhookEntry>, path: string): boolean {
  return path.startsWith(webhookPath) && webhooks.has(path.slice(webhookPath.length));
}

function serveWebhook(
  context: GateContext,
  webhooks: ReadonlyMap<string, WebhookEntry>,
  exchange: Exchange,
  path: string,
): void {
  const source = path.slice(webhookPath.length);
  const entry = webhooks.get(source);
  if (entry === undefined) {
    const shown = source.slice(0, 64);
    const message = `No source of webhooks "${shown}" exists. webhooks lists the sources.`;
    refuseUnknown(context, exchange, message);
  } else if (exchange.call.method !== 'POST') refuseMethod(context, exchange, path, ['POST']);
  else serveRequest(entry.context, exchange, entry.endpointFor(exchange), webhookCall);
}

function serveFlagPath(context: GateContext, exchange: Exchange, path: string): void {
  const methods = flagMethods(path);
  if (methods.includes(exchange.call.method)) serveFlags(context, exchange, path);
  else refuseMethod(context, exchange, path, methods);
}

/** Our handlers behind the router get the correlation id that the answer carries. */
function serveByRouter(connect: ConnectEndpoints, exchange: Exchange, path: string): void {
  exchange.call.headers['x-correlation-id'] = exchange.correlationId;
  connect.handle(exchange, path);
}

function refuseMethod(
  context: GateContext,
  exchange: Exchange,
  path: string,
  methods: readonly string[],
): void {
  const message = `${path} takes ${methods.join(' or ')}.`;
  const error = new ServiceError('method_not_allowed', message);
  refuseInTurn(context, exchange, error, methods.join(', '));
}

function refuseUnknown(context: GateContext, exchange: Exchange, message: string): void {
  refuseInTurn(context, exchange, new ServiceError('not_found', message));
}
