import { grpcCodeNames, ServiceError } from '../../errors.ts';
import { headerOf, reply, type Exchange } from '../exchange.ts';
import { base64 } from '../answer/failure.ts';
import { knownEncodings } from '../intake/inflation.ts';
import { unpackBody } from '../intake/unpack-body.ts';
import type { Endpoint } from '../serve-request.ts';
import { rpcErrorOf, type RpcAnswer, type RpcError, type UnaryRpc } from './unary-rpc.ts';

/*
 * The unary form of the Connect protocol: https://connectrpc.com/docs/protocol#unary-request
 */

/** HTTP statuses by the number of the code: https://connectrpc.com/docs/protocol#error-codes */
const httpStatuses = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];

/** An RPC in the unary form of Connect. */
export function connectEndpoint<Request, Result>(
  rpc: UnaryRpc<Request, Result>,
): Endpoint<Request, Result> {
  return {
    begin: readHeaders,
    unpack: unpackBody,
    decode: (call, message, batchEventsMax) => rpc.decode(call.codec, message, batchEventsMax),
    answer: (exchange, call, result) => {
      const answer = rpc.encode(call.codec, result);
      if (answer.error !== undefined) {
        return sendConnectError(
          exchange,
          answer.error,
          metadataHeaders(answer, 'application/json'),
        );
      }
      const headers = metadataHeaders(answer, `application/${call.codec}`);
      reply(exchange, 200, headers, answer.message);
      return 0;
    },
    refuse: (exchange, _call, failure) => {
      const headers: Record<string, string> = { 'content-type': 'application/json' };
      if (failure.code === 'unsupported_encoding') headers['accept-encoding'] = knownEncodings;
      if (failure.code === 'unauthenticated') {
        headers['www-authenticate'] = 'Bearer realm="headgate"';
      }
      return sendConnectError(exchange, rpcErrorOf(failure), headers);
    },
  };
}

/** Returns the caller's timeout in ms, where it has one. */
function readHeaders(exchange: Exchange): number | undefined {
  const timeoutMs = readTimeout(exchange.call.headers['connect-timeout-ms']);
  const version = headerOf(exchange, 'connect-protocol-version');
  if (version !== '' && version !== '1') {
    throw new ServiceError(
      'malformed_request',
      `connect-protocol-version must be "1": got "${version.slice(0, 20)}"`,
    );
  }
  return timeoutMs;
}

/** Trailers are headers whose names say so: https://connectrpc.com/docs/protocol#unary-response */
function metadataHeaders(
  { headers, trailers }: Pick<RpcAnswer, 'headers' | 'trailers'>,
  contentType: string,
): Record<string, string> {
  const all: Record<string, string> = { 'content-type': contentType };
  if (headers !== undefined) Object.assign(all, headers);
  for (const name in trailers) all[`trailer-${name}`] = trailers[name]!;
  return all;
}

function readTimeout(sent: string | string[] | undefined): number | undefined {
  if (sent === undefined) return undefined;
  const text = String(sent);
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new ServiceError(
    'malformed_request',
    `protocol error: invalid connect timeout value: ${text.slice(0, 40)}`,
  );
}

/** Answers an error as JSON, whatever the request's codec; returns the code for the metric. */
export function sendConnectError(
  exchange: Exchange,
  { code, message, details, metadata }: RpcError,
  headers: Record<string, string>,
): number {
  if (metadata !== undefined) Object.assign(headers, metadata);
  const body = {
    code: grpcCodeNames[code],
    message,
    details: details.map(({ type, value, json }) => ({ type, value: base64(value), debug: json })),
  };
  reply(exchange, httpStatuses[code]!, headers, JSON.stringify(body));
  return code;
}
