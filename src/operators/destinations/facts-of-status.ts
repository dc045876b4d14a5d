import { timestampMs } from '@bufbuild/protobuf/wkt';

import {
  DestinationStatus_State as State,
  type DestinationStatus,
} from '../../../gen/headgate/v1/destination_service_pb.ts';
import type { DeliveryFacts } from '../../doctor/check-deliveries.ts';

/** What doctor looks at of the status of a destination. `plain` makes what people wrote safe to show. */
export function factsOfStatus(
  { name, state, reason, pausedBy, since, waiting, dead, oldestWaiting }: DestinationStatus,
  plain: (text: string) => string,
): DeliveryFacts {
  return {
    name,
    // A newer gate may have more.
    state: stateNames[state] ?? 'elsewhere',
    reason: plain(reason),
    pausedBy: plain(pausedBy),
    sinceMs: since && timestampMs(since),
    waiting,
    dead,
    oldestWaitingMs: oldestWaiting && timestampMs(oldestWaiting),
  };
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
