import { ServiceError } from '../../errors.ts';
import { mediaTypeOf, type Exchange } from '../exchange.ts';
import type { RpcForm } from './serve-rpc.ts';

/** The forms of an RPC. */
const forms: ReadonlyMap<string, RpcForm> = new Map(
  (
    [
      ['application/json', 'connect', 'json'],
      ['application/proto', 'connect', 'proto'],
      ['application/grpc', 'grpc', 'proto'],
      ['application/grpc+proto', 'grpc', 'proto'],
      ['application/grpc+json', 'grpc', 'json'],
      ['application/grpc-web', 'grpc_web', 'proto'],
      ['application/grpc-web+proto', 'grpc_web', 'proto'],
      ['application/grpc-web+json', 'grpc_web', 'json'],
    ] as const
  ).map(([contentType, door, codec]) => [contentType, { door, codec, contentType }]),
);

const typesShown =
  'application/json or application/proto (Connect), application/grpc (over HTTP/2) or application/grpc-web';

/**
 * The protocol and the codec of an RPC, by the content type of the request. Throws a ServiceError
 * `unsupported_media_type`.
 */
export function selectRpcForm(exchange: Exchange): RpcForm {
  const type = mediaTypeOf(exchange);
  const form = forms.get(type) ?? refuse(type);
  // The trailers of gRPC need HTTP/2.
  if (form.door === 'grpc' && exchange.call.httpVersionMajor !== 2) refuse(type);
  return form;
}

function refuse(type: string): never {
  throw new ServiceError(
    'unsupported_media_type',
    `The content type "${type.slice(0, 60)}" is not taken here. Use ${typesShown}.`,
  );
}
