import { ServiceError } from '../../errors.ts';
import type { Verdict } from '../../event/verdict.ts';
import { decodeBatchJson, decodeTrackConnect } from '../decode/decode-json.ts';
import { decodeBatchProto, decodeTrackProto } from '../decode/decode-proto.ts';
import { failureOfVerdict, type Failure } from '../answer/failure.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import type { EndpointCall } from '../serve-request.ts';
import { connectBatchResponse, connectTrackResponse } from '../answer/verdict-json.ts';
import { encodeBatchTrackResponse, encodeTrackResponse } from '../answer/verdict-proto.ts';

/*
 * The two RPCs of TrackService, apart from how a protocol frames them.
 *
 * connect-node's universal handler costs 100 to 230 µs a call, for streams, headers and abort
 * machinery that a unary call has no use for; these doors speak the unary form of Connect and gRPC
 * themselves (docs/understand/hot-path.md). Decoding, accepting and the words of errors are the same code
 * that the Connect router uses for what is left to it: connect-router.ts.
 */

export function decodeRequest(
  call: EndpointCall,
  message: Buffer,
  batchEventsMax: number,
): IncomingBatch {
  if (call.rpc === 'BatchTrack') {
    return call.codec === 'json'
      ? decodeBatchJson(message, 'connect', batchEventsMax)
      : decodeBatchProto(message, batchEventsMax);
  }
  const event = call.codec === 'json' ? decodeTrackConnect(message) : decodeTrackProto(message);
  return { events: [event], context: undefined, sentAt: '', validateOnly: false };
}

/** The answer to Track, whose one event may be its failure, or to BatchTrack, which has none. */
export function encodeAnswer(
  call: EndpointCall,
  verdicts: readonly Verdict[],
): Buffer | string | Failure {
  const isJson = call.codec === 'json';
  if (call.rpc === 'BatchTrack') {
    return isJson ? connectBatchResponse(verdicts) : encodeBatchTrackResponse(verdicts);
  }
  const verdict = verdicts[0]!;
  const failure = failureOfVerdict(verdict);
  if (failure !== undefined) return failure;
  return isJson ? connectTrackResponse(verdict) : encodeTrackResponse(verdict);
}

export function isMessage(answer: Buffer | string | Failure): answer is Buffer | string {
  return typeof answer === 'string' || Buffer.isBuffer(answer);
}

/**
 * Ends the wait at the caller's deadline. What is under way goes on: it may still be stored. Nothing
 * is begun for a caller whose deadline has passed already.
 */
export function withDeadline<T>(work: () => Promise<T>, timeoutMs: number | undefined): Promise<T> {
  if (timeoutMs === undefined) return work();
  return new Promise((resolve, reject) => {
    const expire = (): void =>
      reject(new ServiceError('deadline_exceeded', 'the operation timed out'));
    if (timeoutMs < 1) {
      expire();
      return;
    }
    const timer = setTimeout(expire, Math.min(timeoutMs, 2 ** 31 - 1));
    work()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}
