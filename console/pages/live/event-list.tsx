import type { ComponentChildren } from 'preact';

import type { Filters } from '../../navigation/address.ts';
import { ChoiceFilter, FilterBar, TextFilter } from '../../parts/filter-bar.tsx';
import { DataTable } from '../../parts/tables/data-table.tsx';
import { columns } from './event-columns.tsx';
import type { LiveEvent } from './live-event.ts';
import { LivePanel } from './live-panel.tsx';

/** `isWholeName`: the service reads the log by name, without patterns. */
export function EventFilters({ isWholeName = false }: { readonly isWholeName?: boolean }) {
  return (
    <FilterBar label="Events">
      <ChoiceFilter name="verdict" label="Verdict" choices={verdicts} />
      <TextFilter name="event" label="Event" hint={isWholeName ? 'order_completed' : 'order_*'} />
      <TextFilter name="source" label="Source" hint={isWholeName ? 'shop' : 'shop-*'} />
      <TextFilter name="user" label="Person" hint="user or anonymous id" />
      <ChoiceFilter name="since" label="When" choices={times} />
    </FilterBar>
  );
}

const verdicts = [
  ['', 'All'],
  ['accepted', 'Accepted'],
  ['rejected', 'Refused'],
] as const;
const times = [
  ['', 'Live'],
  ['1h', 'Last hour'],
  ['24h', 'Last 24 hours'],
  ['7d', 'Last 7 days'],
] as const;

export interface EventListProps {
  readonly label: string;
  readonly events: readonly LiveEvent[];
  readonly filters: Filters;
  readonly empty: ComponentChildren;
}

export function EventList({ label, events, filters, empty }: EventListProps) {
  const open = filters.get('open');
  return (
    <div class={open === '' ? 'split' : 'split opened'}>
      {events.length === 0 ? (
        <div>{empty}</div>
      ) : (
        <DataTable
          label={label}
          rows={events}
          columns={columns}
          idOf={({ id }) => id}
          hrefOf={({ id }) => filters.linkWith({ open: id })}
          openId={open}
        />
      )}
      {open !== '' && (
        <LivePanel id={open} known={events} closeTo={filters.linkWith({ open: '' })} />
      )}
    </div>
  );
}
