import type { ConnectRouter } from '@connectrpc/connect';

import { file_google_rpc_error_details } from '../../../gen/google/rpc/error_details_pb.ts';
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
  file_headgate_v1_relay_service,
  RelayService,
} from '../../../gen/headgate/v1/relay_service_pb.ts';
import {
  file_headgate_v1_track_service,
  TrackService,
} from '../../../gen/headgate/v1/track_service_pb.ts';
import { ServiceError } from '../../errors.ts';
import { createUniversalEndpoint } from '../../http/universal.ts';
import type { Exchange } from '../exchange.ts';
import type { GateContext } from '../gate-context.ts';
import { createHealthService, type HealthState } from './health.ts';
import { createOpenCalls } from './open-calls.ts';
import { createOpenLimits } from './open-limits.ts';
import { createReflection } from './reflection.ts';
import { refuseInTurn } from '../refuse-in-turn.ts';

/** The RPCs that the library of Connect serves: health checking and reflection. */
export interface ConnectEndpoints {
  /** `path` is that of the RPC (http/request-target.ts). */
  readonly handle: (exchange: Exchange, path: string) => void;
  readonly health: HealthState;
}

export function createConnectEndpoints(context: GateContext): ConnectEndpoints {
  const openLimits = createOpenLimits(context);
  const served = [TrackService.typeName, RelayService.typeName];
  const health = createHealthService(served, openLimits.watching);
  const files = [
    file_headgate_v1_track_service,
    file_headgate_v1_relay_service,
    file_grpc_health_v1_health,
    file_grpc_reflection_v1_reflection,
    file_grpc_reflection_v1alpha_reflection,
    file_google_rpc_error_details,
  ];
  const reflection = createReflection(files, openLimits.reflecting);
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
  const serveOpen = createOpenCalls(context, open, openLimits);
  return {
    handle: (exchange, path) => {
      if (serveOpen(exchange, path)) return;
      const error = new ServiceError('not_found', 'There is no RPC of this name here.');
      refuseInTurn(context, exchange, error);
    },
    health,
  };
}

/** Health checking and reflection need no key: what they ask is a name. */
const openRequestBytesMax = 16 * 1024;
/** Also of a stream of questions about reflection. */
const openRequestMsMax = 60_000;
