import { ServiceError } from '../errors.ts';
import type { RequestHandler } from '../http/http-call.ts';
import type { ServesWhole } from '../http/http1/reader.ts';
import { failureOfError } from './answer/failure.ts';
import { problem } from './answer/problem.ts';
import { cloudEventsPath, selectCloudEvents } from './cloudevents/cloudevents-endpoint.ts';
import { createExchange, reply, type Exchange } from './exchange.ts';
import type { GateContext } from './gate-context.ts';
import { openApiPath } from './openapi/openapi.ts';
import { selectRestBatch, selectRestTrack, selectRestValidate } from './rest/rest-endpoints.ts';
import type { ConnectEndpoints } from './rpc/connect-router.ts';
import { selectRpcForm } from './rpc/select-rpc-form.ts';
import type { RpcEntry } from './rpc/serve-rpc.ts';
import { trackRpcs } from './rpc/track-rpcs.ts';
import { serveRequest, type EndpointRow, type SelectedEndpoint } from './serve-request.ts';
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

/** Serves every request to the gate, by its path. `rpcs` has the RPCs of our own by their paths. */
export function createRequestHandler(
  context: GateContext,
  connect: ConnectEndpoints,
  webhooks: ReadonlyMap<string, WebhookEntry>,
  openApi: () => string,
  rpcs: ReadonlyMap<string, RpcEntry> = trackRpcs,
): RequestHandler {
  return (call) => {
    const { url, method } = call;
    const query = url.indexOf('?');
    const path = servedPath(query === -1 ? url : url.slice(0, query), rpcs);
    const exchange = createExchange(call);
    const route = eventRoutes.get(path);
    const rpc = route === undefined ? rpcs.get(path) : undefined;
    if (route !== undefined) serveRoute(context, exchange, path, route);
    else if (rpc !== undefined) serveRpc(context, connect, exchange, path, rpc);
    else if (path.startsWith(webhookPath)) serveWebhook(webhooks, exchange, path);
    // Health checking and reflection.
    else if (path.startsWith('/grpc.')) serveByRouter(connect, exchange);
    else if (path === openApiPath && (method === 'GET' || method === 'HEAD')) {
      reply(exchange, 200, { 'content-type': 'application/json' }, openApi());
    } else {
      const shown = path.slice(0, 80);
      refuseUnknown(exchange, `No endpoint ${shown} exists. Events go to POST /v1/track.`);
    }
  };
}

/**
 * A path with a slash too many (an SDK appends "/v1/batch" to a host that ends in one) as the endpoint
 * that it means. Any other path stays as it is.
 */
function servedPath(path: string, rpcs: ReadonlyMap<string, RpcEntry>): string {
  if (eventRoutes.has(path) || rpcs.has(path)) return path;
  if (!path.endsWith('/') && !path.includes('//')) return path;
  const single = path.replaceAll(/\/{2,}/g, '/');
  for (const candidate of [single, single.slice(0, -1)]) {
    if (eventRoutes.has(candidate)) return candidate;
  }
  return path;
}

/** The endpoint of a path, as traces name it. Undefined: the path takes no events. */
export function routeOf(sentPath: string): string | undefined {
  const path = servedPath(sentPath, trackRpcs);
  if (eventRoutes.has(path) || trackRpcs.has(path)) return path;
  return path.startsWith(webhookPath) ? `${webhookPath}{source}` : undefined;
}

const wholeRestPaths = new Set(['/v1/track', '/v1/batch']);
const wholeRpcTypes = new Set(['application/json', 'application/proto']);

/** The hot endpoints: `POST`s to them never need what Node's classes of HTTP/1.1 have. */
export function servesWholeOf(rpcs: ReadonlyMap<string, RpcEntry>): ServesWhole {
  return (url, headers) =>
    wholeRestPaths.has(url) || (rpcs.has(url) && wholeRpcTypes.has(headers['content-type'] ?? ''));
}

export const servesWhole = servesWholeOf(trackRpcs);

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
    refuseMethod(exchange, path, methods);
    return;
  }
  const selected = selectOrRefuse(exchange, select);
  if (selected !== undefined) serveRequest(context, exchange, selected.endpoint, selected.call);
}

function serveRpc(
  context: GateContext,
  connect: ConnectEndpoints,
  exchange: Exchange,
  path: string,
  rpc: RpcEntry,
): void {
  if (exchange.call.method !== 'POST') {
    refuseMethod(exchange, path, ['POST']);
    return;
  }
  const selected = selectOrRefuse(exchange, () => ({ form: selectRpcForm(exchange) }));
  if (selected === undefined) return;
  if (selected.form === undefined) serveByRouter(connect, exchange);
  else rpc.serve(context, exchange, selected.form);
}

/** What `select` returns. Undefined: it refused the request, which has its answer. */
function selectOrRefuse<Selected>(
  exchange: Exchange,
  select: (exchange: Exchange) => Selected,
): Selected | undefined {
  try {
    return select(exchange);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    problem(exchange, failureOfError(error), undefined);
    return undefined;
  }
}

function serveWebhook(
  webhooks: ReadonlyMap<string, WebhookEntry>,
  exchange: Exchange,
  path: string,
): void {
  const source = path.slice(webhookPath.length);
  const entry = webhooks.get(source);
  if (entry === undefined) {
    const shown = source.slice(0, 64);
    const message = `No source of webhooks "${shown}" exists. webhooks lists the sources.`;
    refuseUnknown(exchange, message);
  } else if (exchange.call.method !== 'POST') refuseMethod(exchange, path, ['POST']);
  else serveRequest(entry.context, exchange, entry.endpointFor(exchange), webhookCall);
}

/** Our handlers behind the router get the correlation id that the answer carries. */
function serveByRouter(connect: ConnectEndpoints, exchange: Exchange): void {
  exchange.call.headers['x-correlation-id'] = exchange.correlationId;
  connect.handle(exchange);
}

function refuseMethod(exchange: Exchange, path: string, methods: readonly string[]): void {
  const message = `${path} takes ${methods.join(' or ')}.`;
  const failure = failureOfError(new ServiceError('method_not_allowed', message));
  problem(exchange, failure, undefined, methods.join(', '));
}

function refuseUnknown(exchange: Exchange, message: string): void {
  problem(exchange, failureOfError(new ServiceError('not_found', message)), undefined);
}
