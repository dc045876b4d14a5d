import { ServiceError } from '../../errors.ts';
import {
  decodeBatchJson,
  decodeNdjson,
  decodeTrackRest,
  isBatchJson,
} from '../decode/decode-json.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import { answerEvent } from '../answer/event-answer.ts';
import { retryAfterOf } from '../answer/failure.ts';
import { refuseWithProblem } from '../answer/problem.ts';
import { countVerdicts, restBatch, type VerdictCounts } from '../answer/verdict-json.ts';
import { checkContentType, mediaTypeOf, reply, type Exchange } from '../exchange.ts';
import { unpackBody } from '../intake/unpack-body.ts';
import type { Endpoint, EndpointCall, SelectedEndpoint } from '../serve-request.ts';

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
  answer: answerEvent,
  refuse: refuseWithProblem,
};

/** `POST /v1/batch`: `{"events": [...]}` or NDJSON. A result for every event, in order. */
export const restBatchEndpoint: Endpoint = {
  begin: beginBatch,
  unpack: unpackBody,
  decode: (call, message, batchEventsMax) => {
    const batch =
      call.codec === 'ndjson'
        ? decodeNdjson(message, batchEventsMax)
        : decodeBatchJson(message, 'rest', batchEventsMax);
    return call.historical === true ? { ...batch, historical: true } : batch;
  },
  answer: (exchange, _call, verdicts) => {
    const counts = countVerdicts(verdicts);
    const headers: Record<string, string> = { 'content-type': json };
    if (counts.retry > 0) headers['retry-after'] = retryAfterOf(verdicts)!;
    reply(exchange, batchStatus(counts), headers, restBatch(verdicts, counts));
    return 0;
  },
  refuse: refuseWithProblem,
};

/**
 * `POST /v1/validate`: what `/v1/track` or `/v1/batch` takes, validated and not stored anywhere. 200 all
 * sound, 207 mixed, 422 none; a result for every event.
 */
export const restValidateEndpoint: Endpoint = {
  begin: beginBatch,
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
  refuse: refuseWithProblem,
};

const trackCall: EndpointCall = { rpc: 'Track', door: 'rest', codec: 'json', contentType: json };
const track: SelectedEndpoint = { endpoint: restTrackEndpoint, call: trackCall };

export const selectRestTrack = (): SelectedEndpoint => track;
export const selectRestBatch = selectByCodec(restBatchEndpoint);
export const selectRestValidate = selectByCodec(restValidateEndpoint);

/** JSON, or one event a line; with `?historical=true`, an import. */
function selectByCodec(endpoint: Endpoint): (exchange: Exchange) => SelectedEndpoint {
  const call: EndpointCall = { ...trackCall, rpc: 'BatchTrack' };
  const bothOf = (both: EndpointCall): readonly [SelectedEndpoint, SelectedEndpoint] => [
    { endpoint, call: both },
    { endpoint, call: { ...both, historical: true } },
  ];
  const asJson = bothOf(call);
  const asLines = bothOf({ ...call, codec: 'ndjson', contentType: ndjson });
  return (exchange) => {
    const both = mediaTypeOf(exchange) === ndjson ? asLines : asJson;
    return saysHistorical(exchange) === 'true' ? both[1] : both[0];
  };
}

/** Throws a ServiceError `malformed_request` for a value of `historical` that is neither true nor false. */
function beginBatch(exchange: Exchange): undefined {
  checkContentType(exchange, [json, ndjson]);
  const said = saysHistorical(exchange);
  if (said === undefined || said === 'true' || said === 'false') return undefined;
  throw new ServiceError('malformed_request', '"historical" in the query must be true or false.');
}

/** Lines have no place for it beside them. Undefined if the query does not have it. */
function saysHistorical({ call: { url } }: Exchange): string | undefined {
  const at = url.indexOf('?');
  if (at === -1) return undefined;
  return new URLSearchParams(url.slice(at + 1)).get('historical') ?? undefined;
}

/** Of the two forms of JSON the batch is the one that has `events`. */
function decodeAnyRest(call: EndpointCall, message: Buffer, batchEventsMax: number): IncomingBatch {
  if (call.codec === 'ndjson') return decodeNdjson(message, batchEventsMax);
  return isBatchJson(message)
    ? decodeBatchJson(message, 'rest', batchEventsMax)
    : { events: [decodeTrackRest(message)], context: undefined, sentAt: '', validateOnly: true };
}

/** 202 all stored, 503 none stored but some may be later, 422 none valid, 207 mixed. */
function batchStatus(counts: VerdictCounts): number {
  const stored = counts.accepted + counts.duplicates;
  if (counts.rejected === 0 && counts.retry === 0) return 202;
  if (stored > 0) return 207;
  if (counts.retry === 0) return 422;
  return counts.rejected === 0 ? 503 : 207;
}
