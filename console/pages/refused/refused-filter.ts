import type { Filters } from '../../navigation/address.ts';
import { rangeOf } from '../../parts/filter-bar.tsx';

/** The filter of the RPCs, from the address. */
export function refusedFilter(filters: Filters) {
  return {
    source: filters.get('source'),
    eventName: filters.get('event'),
    code: filters.get('code'),
    user: filters.get('user'),
    withReplayed: filters.get('with') === 'all' || filters.get('with') === 'replayed',
    withDiscarded: filters.get('with') === 'all' || filters.get('with') === 'discarded',
    ...rangeOf(filters),
  };
}

/** The filters without the open event: when they change, the list is another one. */
export function filterKey(filters: Filters): string {
  const kept = new URLSearchParams(filters.text);
  kept.delete('open');
  return kept.toString();
}
