import { errorEntry, ServiceError } from '../errors.ts';
import type { Verdict } from '../event/verdict.ts';
import type { Rpc } from '../observability/metrics.ts';
import type { Arrival } from './accept-events.ts';
import { decodeBatchJson, decodeNdjson, decodeTrackRest } from './decode-json.ts';
import { headerOf, reply, type Exchange } from './exchange.ts';
import { failureOfError, failureOfVerdict, retryAfterSeconds, type Failure } from './failure.ts';
import type { GateContext } from './gate-context.ts';
import { CallerGone, decompressBody } from './read-body.ts';
import { countVerdicts, restBatch, restResult, type VerdictCounts } from './verdict-json.ts';

const json = 'application/json';
const ndjson = 'application/x-ndjson';

/** `POST /v1/track`: one event as flat JSON. 202 with its result, or problem+json. */
export function handleRestTrack(context: GateContext, exchange: Exchange): void {
  void answer(context, exchange, 'Track', [json], (body, arrival) => {
    const event = decodeTrackRest(body);
    const batch = { events: [event], context: undefined, sentAt: '', validateOnly: false };
    return context.accept(batch, arrival).then(([verdict]) => {
      const failure = failureOfVerdict(verdict!);
      if (failure !== undefined) return problem(exchange, failure, verdict);
      reply(exchange, 202, { 'content-type': json }, restResult(verdict!));
      return 0;
    });
  });
}

/** `POST /v1/batch`: `{"events": [...]}` or NDJSON. A result for every event, in order. */
export function handleRestBatch(context: GateContext, exchange: Exchange): void {
  void answer(context, exchange, 'BatchTrack', [json, ndjson], (body, arrival) => {
    const max = context.limits.batchEventsMax;
    const batch =
      arrival.contentType === ndjson ? decodeNdjson(body, max) : decodeBatchJson(body, 'rest', max);
    return context.accept(batch, arrival).then((verdicts) => {
      const counts = countVerdicts(verdicts);
      const headers: Record<string, string> = { 'content-type': json };
      if (counts.retry > 0) headers['retry-after'] = '1';
      reply(exchange, batchStatus(counts), headers, restBatch(verdicts, counts));
      return 0;
    });
  });
}

/** 202 all stored, 503 none stored but some may be later, 422 none valid, 207 mixed. */
function batchStatus(counts: VerdictCounts): number {
  const stored = counts.accepted + counts.duplicates;
  if (counts.rejected === 0 && counts.retry === 0) return 202;
  if (stored > 0) return 207;
  if (counts.retry === 0) return 422;
  return counts.rejected === 0 ? 503 : 207;
}

async function answer(
  context: GateContext,
  exchange: Exchange,
  rpc: Rpc,
  contentTypes: readonly string[],
  handle: (body: Buffer, arrival: Arrival) => Promise<number>,
): Promise<void> {
  const { signals, limits } = context;
  let grpcCode: number;
  try {
    const contentType = headerOf(exchange, 'content-type').split(';', 1)[0]!.trim().toLowerCase();
    if (!contentTypes.includes(contentType)) {
      throw new ServiceError(
        'unsupported_media_type',
        `The content type "${contentType.slice(0, 60)}" is not taken here. Use ${contentTypes.join(' or ')}.`,
      );
    }
    // The key is looked at before the body: who may not send is not read.
    const producer = context.authenticate(exchange.request.headers);
    const sent = await context.bodies.read(exchange.request);
    const encoding = headerOf(exchange, 'content-encoding');
    const body =
      encoding === '' ? sent : await decompressBody(sent, encoding, limits.requestBytesMax);
    const { correlationId, traceparent } = exchange;
    grpcCode = await handle(body, { producer, correlationId, traceparent, door: 'rest', contentType });
  } catch (error) {
    if (error instanceof CallerGone) {
      grpcCode = 1;
    } else {
      const failure = failureOfError(error);
      signals.requestFailed(failure.code, exchange.correlationId, error as Error);
      grpcCode = problem(exchange, failure, undefined);
    }
  }
  signals.requestAnswered(rpc, 'rest', grpcCode, (performance.now() - exchange.startedAt) / 1000);
}

/** RFC 9457. Answers and returns the gRPC code that counts for the metric. */
export function problem(
  exchange: Exchange,
  failure: Failure,
  verdict: Verdict | undefined,
): number {
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' };
  const retryAfter = retryAfterSeconds(failure);
  if (retryAfter !== undefined) headers['retry-after'] = retryAfter;
  if (failure.http === 401) headers['www-authenticate'] = 'Bearer realm="headgate"';
  if (failure.http === 405) headers['allow'] = 'POST';
  if (failure.http === 415) headers['accept-encoding'] = 'gzip, br, deflate, zstd';
  const body = {
    type: `urn:headgate:error:${failure.code}`,
    title: titleOf(failure),
    status: failure.http,
    detail: failure.message,
    code: failure.code,
    violations: failure.violations,
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
