import type { DeadLetter } from '../../../gen/headgate/v1/dead_letter_pb.ts';
import { useFilters } from '../../navigation/address.ts';
import { ChoiceFilter, FilterBar, spanChoices, TextFilter } from '../../parts/filter-bar.tsx';
import { Empty } from '../../parts/states.tsx';
import { ListView } from '../../parts/tables/list-view.tsx';
import { Tag } from '../../parts/tag.tsx';
import { Time } from '../../parts/time.tsx';
import { useList } from '../../service/list.ts';
import { useService } from '../../service/service.ts';
import { DeadLetterPanel } from './dead-letter-panel.tsx';
import { DeadReasons } from './dead-reasons.tsx';
import { deadFilter, deadKey } from './dead-filter.ts';
import { ReplayAll } from './replay-all.tsx';

/** What a destination did not take: by reason, one by one, and what to do about it. */
export function DeadLettersPage() {
  const filters = useFilters();
  const { deadLetters } = useService();
  const key = deadKey(filters);
  const open = filters.get('open');
  const list = useList(key, async (pageToken, signal) => {
    const request = { ...deadFilter(filters), pageSize: 500, pageToken };
    const answer = await deadLetters.listDeadLetters(request, { signal });
    return { rows: answer.deadLetters, nextPageToken: answer.nextPageToken };
  });
  return (
    <>
      <div class="page-head">
        <h1>Dead letters</h1>
        <div class="acts">
          <ReplayAll filters={filters} onDone={list.reload} />
        </div>
      </div>
      <FilterBar label="Dead letters">
        <TextFilter name="destination" label="Destination" />
        <TextFilter name="event" label="Event" hint="order_completed" />
        <TextFilter name="reason" label="Reason" hint="a part of it" />
        <TextFilter name="user" label="Person" hint="user or anonymous id" />
        <ChoiceFilter name="since" label="Since" choices={spanChoices} />
      </FilterBar>
      <DeadReasons filters={filters} turn={list.isLoading ? 0 : list.rows.length} />
      <div class={open === '' ? 'split' : 'split opened'}>
        <ListView
          label="Dead letters"
          one="dead letter"
          list={list}
          idOf={({ id }) => id}
          hrefOf={({ id }) => filters.linkWith({ open: id })}
          openId={open}
          columns={columns}
          empty={
            <Empty title="No dead letters here">
              Events that a destination refuses for good wait on this page until someone fixes,
              replays or discards them.{' '}
              {key.trim() !== '' && <a href="/dead-letters">Remove all filters</a>}
            </Empty>
          }
        />
        {open !== '' && (
          <DeadLetterPanel
            id={open}
            closeTo={filters.linkWith({ open: '' })}
            onChange={list.reload}
          />
        )}
      </div>
    </>
  );
}

const columns = [
  { title: 'Since', width: 'time', cell: (row: DeadLetter) => <Time at={row.deadAt} /> },
  { title: 'Destination', width: 'tag', cell: (row: DeadLetter) => row.destination },
  {
    title: 'Event',
    width: 'name',
    cell: (row: DeadLetter) => row.event?.eventName ?? '(not readable)',
  },
  { title: 'Person', width: 'tag', isWide: true, cell: (row: DeadLetter) => personOf(row) },
  {
    title: 'Reason',
    isWide: true,
    cell: (row: DeadLetter) => (
      <>
        {row.fixedAt !== undefined && <Tag tone="warn">fixed, not replayed</Tag>} {row.reason}
      </>
    ),
  },
] as const;

function personOf({ event }: DeadLetter): string {
  return event?.userId || event?.anonymousId || '';
}
