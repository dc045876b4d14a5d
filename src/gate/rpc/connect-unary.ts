import { grpcCodeNames, ServiceError } from '../../errors.ts';
import { headerOf, reply, type Exchange } from '../exchange.ts';
import { base64, failureDetails, retryAfterSeconds, type Failure } from '../answer/failure.ts';
import { knownEncodings, unpackBody } from '../intake/read-body.ts';
import type { Endpoint } from '../serve-request.ts';
import { decodeRequest, encodeAnswer, isMessage } from './unary-rpc.ts';

/*
 * The unary form of the Connect protocol: https://connectrpc.com/docs/protocol#unary-request
 */

/** HTTP statuses by the number of the code: https://connectrpc.com/docs/protocol#error-codes */
const httpStatuses = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];

export const connectEndpoint: Endpoint = {
  begin: (exchange) => {
    const timeoutMs = readTimeout(exchange.call.headers['connect-timeout-ms']);
    const version = headerOf(exchange, 'connect-protocol-version');
    if (version !== '' && version !== '1') {
      throw new ServiceError(
        'malformed_request',
        `connect-protocol-version must be "1": got "${version.slice(0, 20)}"`,
      );
    }
    return timeoutMs;
  },
  unpack: unpackBody,
  decode: decodeRequest,
  answer: (exchange, call, verdicts) => {
    const answer = encodeAnswer(call, verdicts);
    if (!isMessage(answer)) return sendFailure(exchange, answer);
    reply(exchange, 200, { 'content-type': `application/${call.codec}` }, answer);
    return 0;
  },
  refuse: (exchange, _call, failure) => sendFailure(exchange, failure),
};

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
function sendFailure(exchange: Exchange, failure: Failure): number {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  const retryAfter = retryAfterSeconds(failure);
  if (retryAfter !== undefined) headers['retry-after'] = retryAfter;
  if (failure.code === 'unsupported_encoding') headers['accept-encoding'] = knownEncodings;
  if (failure.code === 'unauthenticated') headers['www-authenticate'] = 'Bearer realm="headgate"';
  const body = {
    code: grpcCodeNames[failure.grpc],
    message: failure.message,
    details: failureDetails(failure).map(({ type, value, json }) => ({
      type,
      value: base64(value),
      debug: json,
    })),
  };
  reply(exchange, httpStatuses[failure.grpc]!, headers, JSON.stringify(body));
  return failure.grpc;
}
