import { ServiceError } from '../errors.ts';
import type { ConnectEndpoints } from './rpc/connect-router.ts';
import { vendorEndpoints } from './vendor-endpoints.ts';
import { createExchange, mediaTypeOf, reply, type Exchange } from './exchange.ts';
import { failureOfError } from './answer/failure.ts';
import type { GateContext } from './gate-context.ts';
import type { RpcEntry } from './rpc/serve-rpc.ts';
import { trackRpcs } from './rpc/track-rpcs.ts';
import type { RequestHandler } from '../http/http-call.ts';
import type { ServesWhole } from '../http/http1/reader.ts';
import { openApiPath } from './openapi/openapi.ts';
import {
  problem,
  restBatchEndpoint,
  restTrackEndpoint,
  restValidateEndpoint,
} from './rest/rest-endpoints.ts';
import { serveRequest, type EndpointCall } from './serve-request.ts';
import { webhookCall, webhookPath, type WebhookEntry } from './webhooks/webhook-endpoint.ts';

/** What grpc-unary.ts speaks. Their JSON forms are rare and left to the Connect router. */
const grpcTypes = new Set(['application/grpc', 'application/grpc+proto']);
const grpcWebTypes = new Set(['application/grpc-web', 'application/grpc-web+proto']);
const routerTypes = new Set(['application/grpc+json', 'application/grpc-web+json']);

const rpcTypesShown =
  'application/json or application/proto (Connect), application/grpc (over HTTP/2) or application/grpc-web';

const json = 'application/json';
const ndjson = 'application/x-ndjson';
const restTrack: EndpointCall = { rpc: 'Track', door: 'rest', codec: 'json', contentType: json };
const restBatch: EndpointCall = {
  rpc: 'BatchTrack',
  door: 'rest',
  codec: 'json',
  contentType: json,
};
const restNdjsonBatch: EndpointCall = { ...restBatch, codec: 'ndjson', contentType: ndjson };

/** From the path of a request to its door. `rpcs`: by their paths. */
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
    const path = query === -1 ? url : url.slice(0, query);
    const exchange = createExchange(call);
    if (path === '/v1/track' && method === 'POST') {
      serveRequest(context, exchange, restTrackEndpoint, restTrack);
    } else if (path === '/v1/batch' && method === 'POST') {
      const isNdjson = mediaTypeOf(exchange) === restNdjsonBatch.contentType;
      serveRequest(context, exchange, restBatchEndpoint, isNdjson ? restNdjsonBatch : restBatch);
    } else if (path === '/v1/validate' && method === 'POST') {
      const isNdjson = mediaTypeOf(exchange) === restNdjsonBatch.contentType;
      serveRequest(context, exchange, restValidateEndpoint, isNdjson ? restNdjsonBatch : restBatch);
    } else if (path.startsWith('/grpc.')) handToRouter(connect, exchange);
    else if (vendorEndpoints.has(path)) enterVendor(context, exchange, path);
    else if (path.startsWith(webhookPath)) enterWebhook(webhooks, exchange, path);
    else if (path === openApiPath && (method === 'GET' || method === 'HEAD')) {
      reply(exchange, 200, { 'content-type': json }, openApi());
    } else if (!rpcs.has(path) && !restPaths.has(path)) {
      refuse(
        exchange,
        'not_found',
        `There is no door ${path.slice(0, 80)}. Events go to POST /v1/track.`,
      );
    } else if (method !== 'POST') {
      refuse(exchange, 'method_not_allowed', `${path} takes POST.`);
    } else enterRpc(context, connect, exchange, rpcs.get(path)!);
  };
}

function enterWebhook(
  webhooks: ReadonlyMap<string, WebhookEntry>,
  exchange: Exchange,
  path: string,
): void {
  const source = path.slice(webhookPath.length);
  const entry = webhooks.get(source);
  if (entry === undefined) {
    const shown = source.slice(0, 64);
    refuse(
      exchange,
      'not_found',
      `There is no source of webhooks "${shown}". webhooks has those there are.`,
    );
  } else if (exchange.call.method !== 'POST') {
    refuse(exchange, 'method_not_allowed', `${webhookPath}${source} takes POST.`);
  } else serveRequest(entry.context, exchange, entry.door(exchange), webhookCall);
}

const restPaths = new Set(['/v1/track', '/v1/batch', '/v1/validate']);

/** The door of a path, as traces name it. Undefined: none that takes events. */
export function routeOf(path: string): string | undefined {
  if (trackRpcs.has(path) || restPaths.has(path) || vendorEndpoints.has(path)) return path;
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

function enterVendor(context: GateContext, exchange: Exchange, path: string): void {
  const { enter, methods } = vendorEndpoints.get(path)!;
  if (!methods.includes(exchange.call.method)) {
    const message = `${path} takes ${methods.join(' or ')}.`;
    const failure = failureOfError(new ServiceError('method_not_allowed', message));
    problem(exchange, failure, undefined, methods.join(', '));
    return;
  }
  const { door, call } = enter(exchange);
  serveRequest(context, exchange, door, call);
}

function enterRpc(
  context: GateContext,
  connect: ConnectEndpoints,
  exchange: Exchange,
  rpc: RpcEntry,
): void {
  const contentType = mediaTypeOf(exchange);
  if (grpcTypes.has(contentType) && exchange.call.httpVersionMajor === 2) {
    rpc.serve(context, exchange, { door: 'grpc', codec: 'proto', contentType });
  } else if (grpcWebTypes.has(contentType)) {
    rpc.serve(context, exchange, { door: 'grpc_web', codec: 'proto', contentType });
  } else if (contentType === 'application/json' || contentType === 'application/proto') {
    const codec = contentType === 'application/json' ? 'json' : 'proto';
    rpc.serve(context, exchange, { door: 'connect', codec, contentType });
  } else if (routerTypes.has(contentType)) handToRouter(connect, exchange);
  else {
    refuse(
      exchange,
      'unsupported_media_type',
      `The content type "${contentType.slice(0, 60)}" is not taken here. Use ${rpcTypesShown}.`,
    );
  }
}

/** What the library hands to our handlers has the correlation id that its answer carries. */
function handToRouter(connect: ConnectEndpoints, exchange: Exchange): void {
  exchange.call.headers['x-correlation-id'] = exchange.correlationId;
  connect.handle(exchange);
}

function refuse(
  exchange: Exchange,
  code: 'not_found' | 'method_not_allowed' | 'unsupported_media_type',
  message: string,
): void {
  problem(exchange, failureOfError(new ServiceError(code, message)), undefined);
}
