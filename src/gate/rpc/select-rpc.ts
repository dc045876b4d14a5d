import { ServiceError } from '../../errors.ts';
import { mediaTypeOf, type Exchange } from '../exchange.ts';
import type { Endpoint, EndpointCall, SelectedEndpoint } from '../serve-request.ts';
import { connectEndpoint } from './connect-unary.ts';
import { grpcEndpoint } from './grpc-unary.ts';

/** What our own endpoints speak. */
const forms: readonly (readonly [
  contentType: string,
  endpoint: Endpoint,
  door: EndpointCall['door'],
  codec: EndpointCall['codec'],
])[] = [
  ['application/json', connectEndpoint, 'connect', 'json'],
  ['application/proto', connectEndpoint, 'connect', 'proto'],
  ['application/grpc', grpcEndpoint, 'grpc', 'proto'],
  ['application/grpc+proto', grpcEndpoint, 'grpc', 'proto'],
  ['application/grpc-web', grpcEndpoint, 'grpc_web', 'proto'],
  ['application/grpc-web+proto', grpcEndpoint, 'grpc_web', 'proto'],
];

/** The JSON forms of gRPC are rare and left to the Connect router. */
const routerTypes = new Set(['application/grpc+json', 'application/grpc-web+json']);

const typesShown =
  'application/json or application/proto (Connect), application/grpc (over HTTP/2) or application/grpc-web';

/**
 * The endpoint of an RPC, by the content type of a request. Undefined: the Connect router serves it.
 * Throws a ServiceError `unsupported_media_type`.
 */
export function selectRpc(
  rpc: EndpointCall['rpc'],
): (exchange: Exchange) => SelectedEndpoint | undefined {
  const byType = new Map<string, SelectedEndpoint>(
    forms.map(([contentType, endpoint, door, codec]) => [
      contentType,
      { endpoint, call: { rpc, door, codec, contentType } },
    ]),
  );
  return (exchange) => {
    const type = mediaTypeOf(exchange);
    const selected = byType.get(type);
    // The trailers of gRPC need HTTP/2.
    if (selected?.call.door === 'grpc' && exchange.call.httpVersionMajor !== 2) refuse(type);
    if (selected === undefined && !routerTypes.has(type)) refuse(type);
    return selected;
  };
}

function refuse(type: string): never {
  throw new ServiceError(
    'unsupported_media_type',
    `The content type "${type.slice(0, 60)}" is not taken here. Use ${typesShown}.`,
  );
}
