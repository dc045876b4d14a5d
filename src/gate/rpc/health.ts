import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';

import type { StreamPlaces } from './open-streams.ts';
import { callOf } from '../../http/universal.ts';
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '../../../gen/grpc/health/v1/health_pb.ts';

export interface HealthState {
  /** From now on the answer is NOT_SERVING, and subscribers are notified. */
  stopServing(): void;
}

/** A watcher that has forgotten its stream does not keep it for ever. Clients watch again. */
export const watchMsMax = 3_600_000;

/** gRPC health checking: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
export function createHealthService(
  serviceNames: readonly string[],
  places: Pick<StreamPlaces, 'take'>,
): HealthState & { readonly service: ServiceImpl<typeof Health> } {
  let status: Status = Status.SERVING;
  let announce: () => void = () => {};
  let changed = new Promise<void>((resolve) => (announce = resolve));
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
        const leave = places.take(callOf(context));
        const { signal } = context;
        const { promise: ended, resolve: end } = Promise.withResolvers<void>();
        let isOld = false;
        const timer = setTimeout(() => {
          isOld = true;
          end();
        }, watchMsMax).unref();
        signal.addEventListener('abort', () => end(), { once: true });
        try {
          while (!signal.aborted && !isOld) {
            yield { status: known.has(request.service) ? status : Status.SERVICE_UNKNOWN };
            await Promise.race([changed, ended]);
          }
        } finally {
          clearTimeout(timer);
          leave();
        }
        if (!signal.aborted) {
          throw new ConnectError('This stream is an hour old. Watch again.', Code.Unavailable);
        }
      },
    },
  };
}
