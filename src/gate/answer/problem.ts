import { errorEntry, errorHelp } from '../../errors.ts';
import type { Verdict } from '../../event/verdict.ts';
import { reply, type Exchange } from '../exchange.ts';
import { retryAfterSeconds, type Failure } from './failure.ts';

/**
 * Answers with a failure as `application/problem+json` (RFC 9457).
 *
 * @param verdict of the one event of the request, where the failure is the event's.
 * @param allow the methods of the path, for a 405.
 * @param more members that the callers of the endpoint expect besides.
 * @returns the gRPC status code of the failure, for the metric.
 */
export function problem(
  exchange: Exchange,
  failure: Failure,
  verdict: Verdict | undefined,
  allow = 'POST',
  more: Readonly<Record<string, string>> = {},
): number {
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' };
  const retryAfter = retryAfterSeconds(failure);
  if (retryAfter !== undefined) headers['retry-after'] = retryAfter;
  if (failure.http === 401) headers['www-authenticate'] = 'Bearer realm="headgate"';
  if (failure.http === 405) headers['allow'] = allow;
  if (failure.http === 415) headers['accept-encoding'] = 'gzip, br, deflate, zstd';
  const body = {
    type: `urn:headgate:error:${failure.code}`,
    title: titleOf(failure),
    status: failure.http,
    detail: failure.message,
    code: failure.code,
    violations: failure.violations,
    help: errorHelp(failure.code),
    retryable: errorEntry(failure.code).retryable,
    correlation_id: exchange.correlationId,
    ...(verdict === undefined
      ? {}
      : { idempotency_key: verdict.idempotencyKey, event_id: verdict.eventId }),
    ...more,
  };
  reply(exchange, failure.http, headers, JSON.stringify(body));
  return failure.grpc;
}

function titleOf(failure: Failure): string {
  const words = failure.code.replaceAll('_', ' ');
  return words[0]!.toUpperCase() + words.slice(1);
}

/** `Endpoint.refuse` of the endpoints that answer a refused request with a problem. */
export function refuseWithProblem(exchange: Exchange, _call: unknown, failure: Failure): number {
  return problem(exchange, failure, undefined);
}
