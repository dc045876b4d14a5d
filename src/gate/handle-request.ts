import { ServiceError } from '../errors.ts';
import { handleConnectUnary } from './connect-unary.ts';
import type { ConnectDoors } from './connect-router.ts';
import { createExchange, headerOf, type Exchange } from './exchange.ts';
import { failureOfError } from './failure.ts';
import type { GateContext } from './gate-context.ts';
import { handleGrpcUnary } from './grpc-unary.ts';
import type { RequestHandler } from './listen.ts';
import { handleRestBatch, handleRestTrack, problem } from './rest-doors.ts';
import type { UnaryRpc } from './unary-rpc.ts';

const servicePrefix = '/headgate.v1.TrackService/';

/** The content types that the unary doors speak; every other form goes to the Connect router. */
const grpcTypes = new Set(['application/grpc', 'application/grpc+proto']);

/** From the path of a request to its door. */
export function createRequestHandler(context: GateContext, connect: ConnectDoors): RequestHandler {
  return (request, response) => {
    request.on('error', () => {});
    response.on('error', () => {});
    const url = request.url ?? '/';
    const query = url.indexOf('?');
    const path = query === -1 ? url : url.slice(0, query);
    if (path.startsWith(servicePrefix)) {
      const rpc = path.slice(servicePrefix.length);
      if (request.method === 'POST' && (rpc === 'Track' || rpc === 'BatchTrack')) {
        const exchange = createExchange(request, response);
        if (enterUnary(context, exchange, rpc)) return;
      }
      connect.handle(request, response);
      return;
    }
    if (path.startsWith('/grpc.')) {
      connect.handle(request, response);
      return;
    }
    const exchange = createExchange(request, response);
    if (path !== '/v1/track' && path !== '/v1/batch') {
      refuse(exchange, 'not_found', `There is no door ${path.slice(0, 80)}. Events go to POST /v1/track.`);
    } else if (request.method !== 'POST') {
      refuse(exchange, 'method_not_allowed', `${path} takes POST.`);
    } else if (path === '/v1/track') void handleRestTrack(context, exchange);
    else void handleRestBatch(context, exchange);
  };
}

/** False: a form that is left to the Connect router. */
function enterUnary(context: GateContext, exchange: Exchange, rpc: UnaryRpc): boolean {
  const contentType = headerOf(exchange, 'content-type');
  if (grpcTypes.has(contentType) && exchange.request.httpVersionMajor === 2) {
    void handleGrpcUnary(context, exchange, { rpc, codec: 'proto', door: 'grpc', contentType });
    return true;
  }
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (type !== 'application/json' && type !== 'application/proto') return false;
  const codec = type === 'application/json' ? 'json' : 'proto';
  void handleConnectUnary(context, exchange, { rpc, codec, door: 'connect', contentType: type });
  return true;
}

function refuse(
  exchange: Exchange,
  code: 'not_found' | 'method_not_allowed',
  message: string,
): void {
  problem(exchange, failureOfError(new ServiceError(code, message)), undefined);
}
