import { useMemo, useRef } from 'preact/hooks';

import type { Filters } from '../../navigation/address.ts';
import { countOf, formatCount } from '../../parts/figures.ts';
import { rangeOf } from '../../parts/filter-bar.tsx';
import { Empty, Failed, Loading } from '../../parts/states.tsx';
import { msOf } from '../../parts/time.tsx';
import { useList, type ListPage } from '../../service/list.ts';
import { useService, type Service } from '../../service/service.ts';
import { EventFilters, EventList } from './event-list.tsx';
import { loggedEvent, personOf, refusedEvent, type LiveEvent } from './live-event.ts';

/** What the list holds of events at most: each may have 64 KiB. */
const bytesMax = 64 * 1024 * 1024;

/** The events of a time range: stored ones, refused ones, or both. */
export function EarlierEvents({ filters }: { readonly filters: Filters }) {
  const service = useService();
  const bytes = useRef(0);
  const names = ['since', 'until', 'event', 'source', 'user', 'verdict'];
  const list = useList(names.map(filters.get).join('\n'), async (pageToken, signal) => {
    const [ofStored, ofRefused] = tokensOf(pageToken, filters.get('verdict'));
    if (pageToken === '') bytes.current = 0;
    const pages = await Promise.all([
      ofStored === done ? noPage : readStored(service, filters, ofStored, signal),
      ofRefused === done ? noPage : readRefused(service, filters, ofRefused, signal),
    ]);
    const rows = pages.flatMap((page) => page.rows);
    const tokens = pages.map((page) => page.nextPageToken || done);
    for (const { eventJson } of rows) bytes.current += eventJson.length;
    return {
      rows,
      nextPageToken: tokens.every((token) => token === done) ? '' : tokens.join(' '),
      isEnough: bytes.current > bytesMax,
    };
  });
  const newest = useMemo(
    () => list.rows.toSorted((one, other) => timeOf(other) - timeOf(one)),
    [list.rows],
  );
  const { isCut, isLoading, failure, reload } = list;
  return (
    <>
      <div class="page-head">
        <h1>Events</h1>
        <p class="live-state quiet" role="status">
          {isCut
            ? `The first ${formatCount(newest.length)} of this time range`
            : countOf(newest.length, 'event')}
          {isLoading && ', loading more…'}
        </p>
      </div>
      <EventFilters isWholeName />
      {failure !== undefined && <Failed failure={failure} retry={reload} />}
      <EventList
        label="Events"
        events={newest}
        filters={filters}
        empty={
          isLoading ? (
            <Loading />
          ) : (
            <Empty title="No such events in this time">
              Choose another time or another verdict, or <a href="/find">find an event</a> by what
              is in it.
            </Empty>
          )
        }
      />
    </>
  );
}

const done = 'done';
const noPage: ListPage<LiveEvent> = { rows: [], nextPageToken: '' };

/** A page has events of two lists, which end at different pages. */
function tokensOf(pageToken: string, verdict: string): [stored: string, refused: string] {
  if (pageToken !== '') return pageToken.split(' ') as [string, string];
  return [verdict === 'rejected' ? done : '', verdict === 'accepted' ? done : ''];
}

function timeOf({ receivedAt }: LiveEvent): number {
  return msOf(receivedAt) ?? 0;
}

type ReadPage = (
  service: Service,
  filters: Filters,
  pageToken: string,
  signal: AbortSignal,
) => Promise<ListPage<LiveEvent>>;

const readStored: ReadPage = async ({ log }, filters, pageToken, signal) => {
  const request = { ...requestOf(filters), pageSize: 500, pageToken };
  const { events, nextPageToken } = await log.readEvents(request, { signal });
  const user = filters.get('user');
  const rows = events.map(loggedEvent).filter((event) => user === '' || personOf(event) === user);
  return { rows, nextPageToken };
};

const readRefused: ReadPage = async ({ rejected }, filters, pageToken, signal) => {
  const filter = {
    eventName: filters.get('event'),
    source: filters.get('source'),
    user: filters.get('user'),
    ...rangeOf(filters),
    withReplayed: true,
    withDiscarded: true,
  };
  const request = { filter, pageSize: 100, pageToken, withEvents: true };
  const answer = await rejected.listRejected(request, { signal });
  return { rows: answer.rejected.map(refusedEvent), nextPageToken: answer.nextPageToken };
};

function requestOf(filters: Filters) {
  const eventName = filters.get('event');
  return {
    eventName,
    anyName: eventName === '',
    source: filters.get('source'),
    ...rangeOf(filters),
  };
}
