import type { Filters } from '../../navigation/address.ts';
import { rangeOf } from '../../parts/filter-bar.tsx';

/** The filter of the RPCs, from the address. */
export function deadFilter(filters: Filters) {
  return {
    destination: filters.get('destination'),
    eventName: filters.get('event'),
    reason: filters.get('reason'),
    user: filters.get('user'),
    ...rangeOf(filters),
  };
}

const names = ['destination', 'event', 'reason', 'user', 'since', 'until'] as const;

/** The filters without the open dead letter. */
export function deadKey(filters: Filters): string {
  return names.map(filters.get).join('\n');
}
