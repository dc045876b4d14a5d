import type { UniversalEndpoint } from '../../http/universal.ts';
import { problem } from '../answer/problem.ts';
import type { EndpointCall } from '../endpoint.ts';
import { mediaTypeOf, type Exchange } from '../exchange.ts';
import type { GateContext } from '../gate-context.ts';
import { overloaded } from '../intake/request-memory.ts';
import { RequestEnding } from '../request-ending.ts';
import { refuseGrpc } from './grpc-unary.ts';

/** Calls that the library serves at once. It holds their messages, as sent and as inflated, uncounted. */
export const routerCallsMax = 16;
export const routerCallsOfConnectionMax = 4;

/**
 * Serves the JSON forms of gRPC by the library, which reads and decodes a message before it calls the handler. So
 * the key comes first here, and the calls are bounded in number. Returns false if there is no such RPC.
 */
export function createRouterCalls(
  context: GateContext,
  endpoint: UniversalEndpoint,
): (exchange: Exchange, path: string) => boolean {
  const byConnection = new Map<object, number>();
  let calls = 0;
  const ended = (connection: object): void => {
    calls -= 1;
    const left = byConnection.get(connection)! - 1;
    if (left === 0) byConnection.delete(connection);
    else byConnection.set(connection, left);
  };
  return (exchange, path) => {
    const { connection, headers } = exchange.call;
    const ofConnection = byConnection.get(connection) ?? 0;
    try {
      context.authenticate(headers);
    } catch (error) {
      refuse(context, exchange, error, false);
      return true;
    }
    if (calls >= routerCallsMax || ofConnection >= routerCallsOfConnectionMax) {
      refuse(context, exchange, overloaded(), true);
      return true;
    }
    if (!endpoint.serve(exchange.call, exchange.correlationId, path)) return false;
    calls += 1;
    byConnection.set(connection, ofConnection + 1);
    exchange.call.whenAnswered(() => ended(connection));
    return true;
  };
}

function refuse(context: GateContext, exchange: Exchange, error: unknown, isKnown: boolean): void {
  const { httpVersionMajor, url } = exchange.call;
  const contentType = mediaTypeOf(exchange);
  const door = contentType.startsWith('application/grpc-web') ? 'grpc_web' : 'grpc';
  const rpc = url.startsWith('/headgate.v1.TrackService/BatchTrack') ? 'BatchTrack' : 'Track';
  const call: EndpointCall = { rpc, door, codec: 'json', contentType };
  // The trailers of gRPC need HTTP/2.
  const canTrail = door === 'grpc_web' || httpVersionMajor === 2;
  const ending = new RequestEnding(context, exchange, call, {
    answer: () => 0,
    refuse: canTrail
      ? refuseGrpc
      : (_exchange, _call, failure) => problem(exchange, failure, undefined),
  });
  ending.isKnown = isKnown;
  ending.fail(error);
}
