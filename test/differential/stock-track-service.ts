import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';

import {
  BadRequestSchema,
  ErrorInfoSchema,
  HelpSchema,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.ts';
import {
  BatchTrackRequestSchema,
  BatchTrackResponseSchema,
  TrackRequestSchema,
  TrackResponseSchema,
  TrackService,
} from '../../gen/headgate/v1/track_service_pb.ts';
import { acceptedVerdicts } from '../../src/gate/accept/accept-events.ts';
import type { Arrival } from '../../src/gate/accept/arrival.ts';
import {
  failureDetails,
  failureOfError,
  failureOfVerdict,
  retryAfterSeconds,
  type Failure,
} from '../../src/gate/answer/failure.ts';
import {
  encodeBatchTrackResponse,
  encodeTrackResponse,
} from '../../src/gate/answer/verdict-proto.ts';
import { decodeBatchProto, decodeTrackProto } from '../../src/gate/decode/decode-proto.ts';
import { createExchange } from '../../src/gate/exchange.ts';
import type { GateContext } from '../../src/gate/gate-context.ts';
import { withDeadline } from './deadline.ts';
import type { HttpCall } from '../../src/http/http-call.ts';
import type { Protocol, Rpc } from '../../src/observability/metrics.ts';

/**
 * TrackService by the library's handlers, beside which the tests put our own (track-rpcs.ts). Decoding,
 * accepting and the texts of errors are the same code; only the framing is the library's.
 */
export function registerTrackService(router: ConnectRouter, context: GateContext): void {
  const max = context.limits.batchEventsMax;
  router.service(TrackService, {
    track: (request, handler) =>
      answered(context, handler, 'Track', async (arrival) => {
        // Back to the wire form, which keeps unknown fields, so that one decoder validates them all.
        const event = decodeTrackProto(Buffer.from(toBinary(TrackRequestSchema, request)));
        const batch = { events: [event], context: undefined, sentAt: '', validateOnly: false };
        const [verdict] = await acceptedVerdicts(context.accept, batch, arrival);
        const failure = failureOfVerdict(verdict!);
        if (failure !== undefined) throw connectErrorOf(failure);
        return fromBinary(TrackResponseSchema, encodeTrackResponse(verdict!));
      }),
    batchTrack: (request, handler) =>
      answered(context, handler, 'BatchTrack', async (arrival) => {
        const bytes = Buffer.from(toBinary(BatchTrackRequestSchema, request));
        const batch = decodeBatchProto(bytes, max);
        const verdicts = await acceptedVerdicts(context.accept, batch, arrival);
        return fromBinary(BatchTrackResponseSchema, encodeBatchTrackResponse(verdicts));
      }),
  });
}

async function answered<T>(
  context: GateContext,
  handler: HandlerContext,
  rpc: Rpc,
  handle: (arrival: Arrival) => Promise<T>,
): Promise<T> {
  const headers = Object.fromEntries(handler.requestHeader);
  const exchange = createExchange({ headers } as HttpCall);
  // Put on the answer by handle-request.ts, before the library has a say.
  const { correlationId, traceparent, tracestate, startedAt } = exchange;
  const protocol = protocolOf(handler.protocolName);
  let grpcCode = 0;
  try {
    const producer = context.authenticate(headers);
    const contentType = 'application/proto';
    const trace = { traceparent, tracestate };
    const arrival = { producer, correlationId, ...trace, rpc, door: protocol, contentType };
    return await withDeadline(() => handle(arrival), handler.timeoutMs());
  } catch (error) {
    const connectError =
      error instanceof ConnectError ? error : refusal(context, correlationId, error);
    grpcCode = connectError.code;
    throw connectError;
  } finally {
    const seconds = (performance.now() - startedAt) / 1000;
    context.signals.requestAnswered(rpc, protocol, grpcCode, seconds);
  }
}

function refusal(context: GateContext, correlationId: string, error: unknown): ConnectError {
  const failure = failureOfError(error);
  context.signals.requestFailed(failure.code, correlationId, error as Error);
  return connectErrorOf(failure);
}

function protocolOf(name: string): Protocol {
  if (name === 'grpc') return 'grpc';
  return name === 'grpc-web' ? 'grpc_web' : 'connect';
}

const detailSchemas = [BadRequestSchema, ErrorInfoSchema, HelpSchema, RetryInfoSchema];

function connectErrorOf(failure: Failure): ConnectError {
  const error = new ConnectError(failure.message, failure.grpc);
  const retryAfter = retryAfterSeconds(failure);
  if (retryAfter !== undefined) error.metadata.set('retry-after', retryAfter);
  error.details = failureDetails(failure).map(({ type, value }) => {
    const desc = detailSchemas.find((schema) => schema.typeName === type)!;
    return { desc, value: create(desc as never, fromBinary(desc as never, value)) } as never;
  });
  return error;
}
