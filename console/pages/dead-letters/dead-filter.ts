import { timestampFromMs } from '@bufbuild/protobuf/wkt';

import type { Filters } from '../../navigation/address.ts';
import { timeOfFilter } from '../../parts/filter-bar.tsx';

/** The filter of the RPCs, from the address. */
export function deadFilter(filters: Filters) {
  const nowMs = Date.now();
  const since = timeOfFilter(filters.get('since'), nowMs);
  const until = timeOfFilter(filters.get('until'), nowMs);
  return {
    destination: filters.get('destination'),
    eventName: filters.get('event'),
    reason: filters.get('reason'),
    user: filters.get('user'),
    ...(since !== undefined && { since: timestampFromMs(since) }),
    ...(until !== undefined && { until: timestampFromMs(until) }),
  };
}

const names = ['destination', 'event', 'reason', 'user', 'since', 'until'] as const;

/** The filters without the open dead letter. */
export function deadKey(filters: Filters): string {
  return names.map(filters.get).join('\n');
}
