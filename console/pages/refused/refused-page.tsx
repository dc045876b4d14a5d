import { useFilters } from '../../navigation/address.ts';
import { ChoiceFilter, FilterBar, spanChoices, TextFilter } from '../../parts/filter-bar.tsx';
import { ListView } from '../../parts/tables/list-view.tsx';
import { Empty } from '../../parts/states.tsx';
import { Tag } from '../../parts/tag.tsx';
import { Time } from '../../parts/time.tsx';
import type { RejectedEvent } from '../../../gen/headgate/v1/rejected_event_pb.ts';
import { useList } from '../../service/list.ts';
import { useService } from '../../service/service.ts';
import { BulkActs } from './bulk-acts.tsx';
import { Reasons } from './reasons.tsx';
import { RefusedPanel } from './refused-panel.tsx';
import { filterKey, refusedFilter } from './refused-filter.ts';

/** What was refused, and why: the reasons with their numbers, the events, and one of them. */
export function RefusedPage() {
  const filters = useFilters();
  const { rejected } = useService();
  const key = filterKey(filters);
  const open = filters.get('open');
  const list = useList(key, async (pageToken, signal) => {
    const answer = await rejected.listRejected(
      { filter: refusedFilter(filters), pageSize: 500, pageToken },
      { signal },
    );
    return { rows: answer.rejected, nextPageToken: answer.nextPageToken };
  });
  // The log is read from its oldest event on; people look for the newest.
  const newest = { ...list, rows: list.rows.toReversed() };
  return (
    <>
      <div class="page-head">
        <h1>Refused</h1>
        <BulkActs filters={filters} onDone={list.reload} />
      </div>
      <FilterBar label="Refused events">
        <TextFilter name="code" label="Reason" hint="schema_violation" />
        <TextFilter name="event" label="Event" hint="order_completed" />
        <TextFilter name="source" label="Source" />
        <TextFilter name="user" label="Person" hint="user or anonymous id" />
        <ChoiceFilter name="since" label="Received" choices={spanChoices} />
        <ChoiceFilter name="with" label="Show" choices={showChoices} />
      </FilterBar>
      <Reasons filters={filters} turn={list.isLoading ? 0 : list.rows.length} />
      <div class={open === '' ? 'split' : 'split opened'}>
        <ListView
          label="Refused events"
          one="refused event"
          list={newest}
          idOf={({ sequence }) => String(sequence)}
          hrefOf={({ sequence }) => filters.linkWith({ open: String(sequence) })}
          openId={open}
          columns={columns}
          empty={
            <Empty title="No refused events here">
              Events that break their contract wait on this page until someone fixes, replays or
              discards them. {key !== '' && <a href="/refused">Remove all filters</a>}
            </Empty>
          }
        />
        {open !== '' && (
          <RefusedPanel
            sequence={open}
            closeTo={filters.linkWith({ open: '' })}
            onChange={list.reload}
          />
        )}
      </div>
    </>
  );
}

const showChoices = [
  ['', 'Waiting'],
  ['replayed', 'Also replayed'],
  ['discarded', 'Also discarded'],
  ['all', 'All'],
] as const;

const columns = [
  { title: 'Received', width: 'time', cell: (row: RejectedEvent) => <Time at={row.receivedAt} /> },
  { title: 'Event', width: 'name', cell: (row: RejectedEvent) => row.eventName || '(no name)' },
  { title: 'Source', width: 'tag', isWide: true, cell: (row: RejectedEvent) => row.source },
  { title: 'Reason', width: 'name', cell: (row: RejectedEvent) => <Reason of={row} /> },
  {
    title: 'Message',
    isWide: true,
    cell: (row: RejectedEvent) => firstProblem(row),
  },
] as const;

/** `total must be of type number, not string`. */
function firstProblem({ error }: RejectedEvent): string {
  const [first] = error?.violations ?? [];
  if (first === undefined) return error?.message ?? '';
  return `${first.path.replace(/^\/properties\//, '').replaceAll('/', '.')} ${first.message}`;
}

function Reason({ of }: { of: RejectedEvent }) {
  if (of.discard !== undefined) return <Tag tone="quiet">discarded</Tag>;
  if (of.replay !== undefined && of.replay.sequence > 0n) return <Tag tone="good">replayed</Tag>;
  return <>{of.error?.code}</>;
}
