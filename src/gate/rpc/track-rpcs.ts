import type { Verdict } from '../../event/verdict.ts';
import { failureOfVerdict, retryAfterOf } from '../answer/failure.ts';
import { connectBatchResponse, connectTrackResponse } from '../answer/verdict-json.ts';
import { encodeBatchTrackResponse, encodeTrackResponse } from '../answer/verdict-proto.ts';
import { decodeBatchJson, decodeTrackConnect } from '../decode/decode-json.ts';
import { decodeBatchProto, decodeTrackProto } from '../decode/decode-proto.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import { acceptBatch } from '../serve-request.ts';
import { createRpcEntry, type RpcEntry } from './serve-rpc.ts';
import { rpcErrorOf, type UnaryRpc } from './unary-rpc.ts';

/*
 * The two RPCs of TrackService, in every protocol and codec. The JSON forms of gRPC are rare, but a JSON
 * parser of a library would keep the last of two lists of events, round large numbers, and lose a whole
 * batch for one event that is not JSON.
 */

type TrackRpc = UnaryRpc<IncomingBatch, readonly Verdict[]>;

/** One event, whose failure is the failure of the call. */
const track: TrackRpc = {
  name: 'Track',
  decode: (codec, message) => {
    const event = codec === 'json' ? decodeTrackConnect(message) : decodeTrackProto(message);
    return { events: [event], context: undefined, sentAt: '', validateOnly: false };
  },
  run: acceptBatch,
  encode: (codec, verdicts) => {
    const verdict = verdicts[0]!;
    const failure = failureOfVerdict(verdict);
    if (failure !== undefined) return { error: rpcErrorOf(failure) };
    return {
      message: codec === 'json' ? connectTrackResponse(verdict) : encodeTrackResponse(verdict),
    };
  },
};

/** Each event has a result of its own; the call succeeds. */
const batchTrack: TrackRpc = {
  name: 'BatchTrack',
  decode: (codec, message, batchEventsMax) =>
    codec === 'json'
      ? decodeBatchJson(message, 'connect', batchEventsMax)
      : decodeBatchProto(message, batchEventsMax),
  run: acceptBatch,
  encode: (codec, verdicts) => {
    const message =
      codec === 'json' ? connectBatchResponse(verdicts) : encodeBatchTrackResponse(verdicts);
    // Limited events are the last ones. Their delay stands in the metadata, as with an error.
    if (verdicts.at(-1)?.retryAfterMs === undefined) return { message };
    return { message, headers: { 'retry-after': retryAfterOf(verdicts)! } };
  },
};

/** By their paths. */
export const trackRpcs: ReadonlyMap<string, RpcEntry> = new Map([
  ['/headgate.v1.TrackService/Track', createRpcEntry(track)],
  ['/headgate.v1.TrackService/BatchTrack', createRpcEntry(batchTrack)],
]);
