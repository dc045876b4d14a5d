import { timestampMs } from '@bufbuild/protobuf/wkt';

import { DestinationStatus_State as State } from '../../../gen/headgate/v1/destination_service_pb.ts';
import type { DeliveryFacts } from '../../doctor/check-deliveries.ts';
import { listStatuses, type DestinationServiceOptions } from './destination-service.ts';

/** The status of every destination for doctor. Rejects when the log cannot be reached. */
export async function readDeliveryFacts(
  options: DestinationServiceOptions,
): Promise<DeliveryFacts[]> {
  const statuses = await listStatuses(options);
  return statuses.map(({ name, state, reason, waiting, dead, oldestWaiting }) => ({
    name,
    state: stateNames[state] ?? 'elsewhere',
    reason: reason.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' '),
    waiting,
    dead,
    oldestWaitingMs: oldestWaiting && timestampMs(oldestWaiting),
  }));
}

const stateNames: Readonly<Partial<Record<State, DeliveryFacts['state']>>> = {
  [State.RUNNING]: 'running',
  [State.PARKED]: 'parked',
  [State.PAUSED]: 'paused',
  [State.DISABLED]: 'disabled',
  [State.STOPPED]: 'stopped',
  [State.ELSEWHERE]: 'elsewhere',
  [State.REMOVED]: 'removed',
};
