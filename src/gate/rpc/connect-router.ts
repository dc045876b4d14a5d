import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';

import {
  BadRequestSchema,
  ErrorInfoSchema,
  file_google_rpc_error_details,
  HelpSchema,
  RetryInfoSchema,
} from '../../../gen/google/rpc/error_details_pb.ts';
import { file_grpc_health_v1_health, Health } from '../../../gen/grpc/health/v1/health_pb.ts';
import {
  file_grpc_reflection_v1_reflection,
  ServerReflection as ReflectionV1,
} from '../../../gen/grpc/reflection/v1/reflection_pb.ts';
import {
  file_grpc_reflection_v1alpha_reflection,
  ServerReflection as ReflectionV1Alpha,
} from '../../../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import {
  BatchTrackRequestSchema,
  BatchTrackResponseSchema,
  file_headgate_v1_track_service,
  TrackRequestSchema,
  TrackResponseSchema,
  TrackService,
} from '../../../gen/headgate/v1/track_service_pb.ts';
import { ServiceError } from '../../errors.ts';
import type { Protocol, Rpc } from '../../observability/metrics.ts';
import { acceptedVerdicts } from '../accept/accept-events.ts';
import type { Arrival } from '../accept/arrival.ts';
import { decodeBatchProto, decodeTrackProto } from '../decode/decode-proto.ts';
import { createExchange, type Exchange } from '../exchange.ts';
import {
  failureDetails,
  failureOfError,
  failureOfVerdict,
  retryAfterSeconds,
  type Failure,
} from '../answer/failure.ts';
import type { GateContext } from '../gate-context.ts';
import type { HttpCall } from '../../http/http-call.ts';
import { createHealthService, type HealthState } from './health.ts';
import { createOpenCalls } from './open-calls.ts';
import { createOpenLimits } from './open-limits.ts';
import { createReflection } from './reflection.ts';
import { refuseInTurn } from '../refuse-in-turn.ts';
import { withDeadline } from './deadline.ts';
import { createUniversalEndpoint } from '../../http/universal.ts';
import { createRouterCalls } from './router-calls.ts';
import { encodeBatchTrackResponse, encodeTrackResponse } from '../answer/verdict-proto.ts';

/**
 * What the library of Connect serves: the JSON forms of gRPC and gRPC-Web, health checking and reflection.
 * The RPCs are decoded, accepted and answered by the same code as in track-rpcs.ts; only the framing
 * is the library's.
 */
export interface ConnectEndpoints {
  /** `path` is that of the RPC (http/request-target.ts). */
  readonly handle: (exchange: Exchange, path: string) => void;
  readonly health: HealthState;
}

export function createConnectEndpoints(context: GateContext): ConnectEndpoints {
  const openLimits = createOpenLimits(context);
  const health = createHealthService([TrackService.typeName], openLimits.watching);
  const files = [
    file_headgate_v1_track_service,
    file_grpc_health_v1_health,
    file_grpc_reflection_v1_reflection,
    file_grpc_reflection_v1alpha_reflection,
    file_google_rpc_error_details,
  ];
  const reflection = createReflection(files, openLimits.reflecting);
  const track = createUniversalEndpoint((router) => registerTrackService(router, context), {
    readMaxBytes: context.limits.requestBytesMax,
    bodyTimeoutMs: context.limits.requestTimeoutMs,
    jsonOptions: { ignoreUnknownFields: false },
  });
  const routes = (router: ConnectRouter): void => {
    router.service(Health, health.service);
    router.service(ReflectionV1, { serverReflectionInfo: reflection });
    router.service(ReflectionV1Alpha, { serverReflectionInfo: reflection });
  };
  const open = createUniversalEndpoint(routes, {
    readMaxBytes: openRequestBytesMax,
    bodyTimeoutMs: openRequestMsMax,
    jsonOptions: { ignoreUnknownFields: false },
  });
  const serveTrack = createRouterCalls(context, track);
  const serveOpen = createOpenCalls(context, open, openLimits);
  return {
    handle: (exchange, path) => {
      const serve = path.startsWith(trackPath) ? serveTrack : serveOpen;
      if (serve(exchange, path)) return;
      const error = new ServiceError('not_found', 'There is no RPC of this name here.');
      refuseInTurn(context, exchange, error);
    },
    health,
  };
}

const trackPath = `/${TrackService.typeName}/`;

/** Health checking and reflection need no key: what they ask is a name. */
const openRequestBytesMax = 16 * 1024;
/** Also of a stream of questions about reflection. */
const openRequestMsMax = 60_000;

/** Also what the differential test and the benchmark put beside track-rpcs.ts. */
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
