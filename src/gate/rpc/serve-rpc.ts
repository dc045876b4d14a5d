import type { Exchange } from '../exchange.ts';
import type { GateContext } from '../gate-context.ts';
import { serveUnary, type EndpointCall } from '../serve-request.ts';
import { connectEndpoint } from './connect-unary.ts';
import { grpcEndpoint } from './grpc-unary.ts';
import type { UnaryRpc } from './unary-rpc.ts';

/** The protocol of a request and the form of its message. */
export interface RpcForm {
  readonly door: 'connect' | 'grpc' | 'grpc_web';
  readonly codec: 'json' | 'proto';
  readonly contentType: string;
}

/** One RPC in all of its protocols. */
export interface RpcEntry {
  /** Answers the exchange, at once or later. */
  serve(context: GateContext, exchange: Exchange, form: RpcForm): void;
}

export function createRpcEntry<Request, Result>(rpc: UnaryRpc<Request, Result>): RpcEntry {
  const connect = connectEndpoint(rpc);
  const grpc = grpcEndpoint(rpc);
  return {
    serve: (context, exchange, { door, codec, contentType }) => {
      const call: EndpointCall = { rpc: rpc.name, door, codec, contentType };
      serveUnary(context, exchange, door === 'connect' ? connect : grpc, call, rpc.run);
    },
  };
}
