import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';

import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '../../../gen/grpc/health/v1/health_pb.ts';

export interface HealthState {
  /** From now on the answer is NOT_SERVING, and subscribers are notified. */
  stopServing(): void;
}

/** How many may watch at once: a watcher is a stream that stays open. */
const watchersMax = 1000;

/** gRPC health checking: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
export function createHealthService(
  serviceNames: readonly string[],
): HealthState & { readonly service: ServiceImpl<typeof Health> } {
  let status: Status = Status.SERVING;
  let announce: () => void = () => {};
  let changed = new Promise<void>((resolve) => (announce = resolve));
  let watchers = 0;
  const known = new Set(['', ...serviceNames]);

  return {
    stopServing: () => {
      status = Status.NOT_SERVING;
      announce();
      changed = new Promise<void>((resolve) => (announce = resolve));
    },
    service: {
      check: (request) => {
        if (!known.has(request.service)) {
          throw new ConnectError('There is no service of this name here.', Code.NotFound);
        }
        return { status };
      },
      async *watch(request, context) {
        if (watchers >= watchersMax) {
          throw new ConnectError(
            `At most ${watchersMax} may watch at once.`,
            Code.ResourceExhausted,
          );
        }
        watchers += 1;
        const gone = new Promise<void>((resolve) => {
          context.signal.addEventListener('abort', () => resolve(), { once: true });
        });
        try {
          while (!context.signal.aborted) {
            yield { status: known.has(request.service) ? status : Status.SERVICE_UNKNOWN };
            await Promise.race([changed, gone]);
          }
        } finally {
          watchers -= 1;
        }
      },
    },
  };
}
