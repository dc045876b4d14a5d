import { errorEntry, errorHelp, ServiceError } from '../../errors.ts';
import type { Verdict } from '../../event/verdict.ts';
import {
  decodeBatchJson,
  decodeNdjson,
  decodeTrackRest,
  isBatchJson,
} from '../decode/decode-json.ts';
import { mediaTypeOf, reply, type Exchange } from '../exchange.ts';
import { failureOfVerdict, retryAfterSeconds, type Failure } from '../answer/failure.ts';
import { unpackBody } from '../intake/read-body.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import type { Endpoint, EndpointCall } from '../serve-request.ts';
import {
  countVerdicts,
  restBatch,
  restResult,
  type VerdictCounts,
} from '../answer/verdict-json.ts';

const json = 'application/json';
const ndjson = 'application/x-ndjson';

/** `POST /v1/track`: one event as flat JSON. 202 with its result, or problem+json. */
export const restTrackEndpoint: Endpoint = {
  begin: (exchange) => checkContentType(exchange, [json]),
  unpack: unpackBody,
  decode: (_call, message) => ({
    events: [decodeTrackRest(message)],
    context: undefined,
    sentAt: '',
    validateOnly: false,
  }),
  answer: (exchange, _call, verdicts) => {
    const verdict = verdicts[0]!;
    const failure = failureOfVerdict(verdict);
    if (failure !== undefined) return problem(exchange, failure, verdict);
    reply(exchange, 202, { 'content-type': json }, restResult(verdict));
    return 0;
  },
  refuse: (exchange, _call, failure) => problem(exchange, failure, undefined),
};

/** `POST /v1/batch`: `{"events": [...]}` or NDJSON. A result for every event, in order. */
export const restBatchEndpoint: Endpoint = {
  begin: (exchange) => checkContentType(exchange, [json, ndjson]),
  unpack: unpackBody,
  decode: (call, message, batchEventsMax) =>
    call.codec === 'ndjson'
      ? decodeNdjson(message, batchEventsMax)
      : decodeBatchJson(message, 'rest', batchEventsMax),
  answer: (exchange, _call, verdicts) => {
    const counts = countVerdicts(verdicts);
    const headers: Record<string, string> = { 'content-type': json };
    if (counts.retry > 0) headers['retry-after'] = '1';
    reply(exchange, batchStatus(counts), headers, restBatch(verdicts, counts));
    return 0;
  },
  refuse: (exchange, _call, failure) => problem(exchange, failure, undefined),
};

/**
 * `POST /v1/validate`: what `/v1/track` or `/v1/batch` takes, validated and not stored anywhere. 200 all
 * sound, 207 mixed, 422 none; a result for every event.
 */
export const restValidateEndpoint: Endpoint = {
  begin: (exchange) => checkContentType(exchange, [json, ndjson]),
  unpack: unpackBody,
  decode: (call, message, batchEventsMax) => ({
    ...decodeAnyRest(call, message, batchEventsMax),
    validateOnly: true,
  }),
  answer: (exchange, _call, verdicts) => {
    const counts = countVerdicts(verdicts);
    const status = batchStatus(counts);
    const headers = { 'content-type': json };
    reply(exchange, status === 202 ? 200 : status, headers, restBatch(verdicts, counts));
    return 0;
  },
  refuse: (exchange, _call, failure) => problem(exchange, failure, undefined),
};

/** Of the two forms of JSON the batch is the one that has `events`. */
function decodeAnyRest(call: EndpointCall, message: Buffer, batchEventsMax: number): IncomingBatch {
  if (call.codec === 'ndjson') return decodeNdjson(message, batchEventsMax);
  return isBatchJson(message)
    ? decodeBatchJson(message, 'rest', batchEventsMax)
    : { events: [decodeTrackRest(message)], context: undefined, sentAt: '', validateOnly: true };
}

/** REST has no deadlines of the caller's. */
export function checkContentType(exchange: Exchange, known: readonly string[]): undefined {
  const type = mediaTypeOf(exchange);
  if (known.includes(type)) return undefined;
  throw new ServiceError(
    'unsupported_media_type',
    `The content type "${type.slice(0, 60)}" is not taken here. Use ${known.join(' or ')}.`,
  );
}

/** 202 all stored, 503 none stored but some may be later, 422 none valid, 207 mixed. */
function batchStatus(counts: VerdictCounts): number {
  const stored = counts.accepted + counts.duplicates;
  if (counts.rejected === 0 && counts.retry === 0) return 202;
  if (stored > 0) return 207;
  if (counts.retry === 0) return 422;
  return counts.rejected === 0 ? 503 : 207;
}

/** RFC 9457. Answers and returns the gRPC code that counts for the metric. */
export function problem(
  exchange: Exchange,
  failure: Failure,
  verdict: Verdict | undefined,
  allow = 'POST',
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
  };
  reply(exchange, failure.http, headers, JSON.stringify(body));
  return failure.grpc;
}

function titleOf(failure: Failure): string {
  const words = failure.code.replaceAll('_', ' ');
  return words[0]!.toUpperCase() + words.slice(1);
}
