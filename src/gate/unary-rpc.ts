import { ServiceError } from '../errors.ts';
import type { Verdict } from '../event/verdict.ts';
import type { Rpc } from '../observability/metrics.ts';
import type { Producer } from './authenticate.ts';
import { decodeBatchJson, decodeTrackConnect } from './decode-json.ts';
import { decodeBatchProto, decodeTrackProto } from './decode-proto.ts';
import type { Exchange } from './exchange.ts';
import { failureOfVerdict, type Failure } from './failure.ts';
import type { GateContext } from './gate-context.ts';
import type { IncomingBatch } from './incoming-batch.ts';
import { connectBatchResponse, connectTrackResponse } from './verdict-json.ts';
import { encodeBatchTrackResponse, encodeTrackResponse } from './verdict-proto.ts';

/*
 * The two RPCs of TrackService, apart from how a protocol frames them.
 *
 * connect-node's universal handler costs 100 to 230 µs a call, for streams, headers and abort
 * machinery that a unary call has no use for; these doors speak the unary form of Connect and gRPC
 * themselves (docs/performance.md). Decoding, accepting and the words of errors are the same code
 * that the Connect router uses for what is left to it: connect-router.ts.
 */

export type UnaryRpc = Extract<Rpc, 'Track' | 'BatchTrack'>;
export type Codec = 'json' | 'proto';

/** What an RPC answers: a message, or why not. */
export type UnaryAnswer =
  | { readonly message: Buffer | string; readonly failure?: undefined }
  | { readonly message?: undefined; readonly failure: Failure };

export interface UnaryCall {
  readonly rpc: UnaryRpc;
  readonly codec: Codec;
  readonly door: 'connect' | 'grpc' | 'grpc_web';
  readonly contentType: string;
}

/** Judges and stores what a decompressed request message holds. Throws ServiceErrors. */
export async function answerUnary(
  context: GateContext,
  exchange: Exchange,
  call: UnaryCall,
  producer: Producer,
  message: Buffer,
): Promise<UnaryAnswer> {
  const verdicts = await context.accept(decodeRequest(context, call, message), {
    producer,
    correlationId: exchange.correlationId,
    traceparent: exchange.traceparent,
    door: call.door,
    contentType: call.contentType,
  });
  return encodeAnswer(call, verdicts);
}

function decodeRequest(context: GateContext, call: UnaryCall, message: Buffer): IncomingBatch {
  const max = context.limits.batchEventsMax;
  if (call.rpc === 'BatchTrack') {
    return call.codec === 'json'
      ? decodeBatchJson(message, 'connect', max)
      : decodeBatchProto(message, max);
  }
  const event = call.codec === 'json' ? decodeTrackConnect(message) : decodeTrackProto(message);
  return { events: [event], context: undefined, sentAt: '', validateOnly: false };
}

function encodeAnswer(call: UnaryCall, verdicts: Verdict[]): UnaryAnswer {
  if (call.rpc === 'BatchTrack') {
    return {
      message:
        call.codec === 'json' ? connectBatchResponse(verdicts) : encodeBatchTrackResponse(verdicts),
    };
  }
  const verdict = verdicts[0]!;
  const failure = failureOfVerdict(verdict);
  if (failure !== undefined) return { failure };
  return {
    message: call.codec === 'json' ? connectTrackResponse(verdict) : encodeTrackResponse(verdict),
  };
}

/**
 * Ends the wait at the caller's deadline. What is under way goes on: it may still be stored. Nothing
 * is begun for a caller whose deadline has passed already.
 */
export function withDeadline<T>(
  work: () => Promise<T>,
  timeoutMs: number | undefined,
): Promise<T> {
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
