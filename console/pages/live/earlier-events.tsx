import { linkTo, type Filters } from '../../navigation/address.ts';
import { countOf, formatCount } from '../../parts/figures.ts';
import { rangeOf } from '../../parts/filter-bar.tsx';
import { Empty, Failed, Loading } from '../../parts/states.tsx';
import { rowsMax, useList } from '../../service/list.ts';
import { useService } from '../../service/service.ts';
import { EventFilters, EventList } from './event-list.tsx';
import { loggedEvent, personOf, type LiveEvent } from './live-event.ts';

/** The events of the log in a time range. Refused ones are on a page of their own. */
export function EarlierEvents({ filters }: { readonly filters: Filters }) {
  const { log } = useService();
  const names = ['since', 'until', 'event', 'source', 'user', 'verdict'];
  const list = useList(names.map(filters.get).join('\n'), async (pageToken, signal) => {
    if (filters.get('verdict') === 'rejected') return { rows: [], nextPageToken: '' };
    const request = { ...requestOf(filters), pageSize: 500, pageToken };
    const { events, nextPageToken } = await log.readEvents(request, { signal });
    const user = filters.get('user');
    const rows = events.map(loggedEvent).filter((event) => user === '' || personOf(event) === user);
    return { rows, nextPageToken };
  });
  const newest: readonly LiveEvent[] = list.rows.toReversed();
  const { isCut, isLoading, failure, reload } = list;
  const refused = linkTo('/refused', {
    since: filters.get('since'),
    event: filters.get('event'),
    source: filters.get('source'),
    user: filters.get('user'),
  });
  return (
    <>
      <div class="page-head">
        <h1>Events</h1>
        <p class="live-state quiet" role="status">
          {isCut
            ? `The first ${formatCount(rowsMax)} of this time range`
            : countOf(newest.length, 'accepted event')}
          {isLoading && ', loading more…'}
        </p>
        <div class="acts">
          <a href={refused}>Refused events of this time</a>
        </div>
      </div>
      <EventFilters />
      {failure !== undefined && <Failed failure={failure} retry={reload} />}
      <EventList
        label="Events"
        events={newest}
        filters={filters}
        empty={
          isLoading ? (
            <Loading />
          ) : (
            <Empty title="No accepted events in this time">
              Look at the <a href={refused}>refused events</a>, or choose another time.
            </Empty>
          )
        }
      />
    </>
  );
}

function requestOf(filters: Filters) {
  const eventName = filters.get('event');
  return {
    eventName,
    anyName: eventName === '',
    source: filters.get('source'),
    ...rangeOf(filters),
  };
}
