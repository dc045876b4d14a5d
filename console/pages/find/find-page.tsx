import { useFilters, type Filters } from '../../navigation/address.ts';
import type { LocatedEvent } from '../../../gen/headgate/v1/event_service_pb.ts';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { countOf } from '../../parts/figures.ts';
import { ChoiceFilter, FilterBar, TextFilter, timeOfFilter } from '../../parts/filter-bar.tsx';
import { Empty, Failed, Loading } from '../../parts/states.tsx';
import { useList } from '../../service/list.ts';
import { useService } from '../../service/service.ts';
import { RefusedCard } from './refused-card.tsx';
import { StoredCard } from './stored-card.tsx';

/** Where an event is: by any of its ids, or all events of a person. */
export function FindPage() {
  const filters = useFilters();
  const text = filters.get('q');
  return (
    <>
      <div class="page-head">
        <h1>Find</h1>
      </div>
      <FilterBar label="Find">
        <TextFilter name="q" label="Id or person" hint="event, idempotency or correlation id" />
        <ChoiceFilter name="by" label="It is" choices={kinds} />
        <ChoiceFilter name="since" label="Search back" choices={times} />
      </FilterBar>
      {text === '' ? (
        <Empty title="Which event?">
          Paste an event id, an idempotency key, a correlation id, or the id of a person: the page
          shows what became of it at every destination.
        </Empty>
      ) : (
        <Results key={filters.text} filters={filters} text={text} />
      )}
    </>
  );
}

const kinds = [
  ['', 'an id, or a person'],
  ['id', 'an id'],
  ['person', 'a person'],
] as const;
const times = [
  ['', '24 hours, or as the id says'],
  ['7d', '7 days'],
  ['30d', '30 days'],
] as const;

type By = 'id' | 'person';

interface Found {
  readonly event: LocatedEvent;
  readonly by: By;
}

function Results({ filters, text }: { readonly filters: Filters; readonly text: string }) {
  const list = useFound(filters, text);
  const { rows, isLoading, failure, reload } = list;
  return (
    <section aria-label="Results">
      <p class="under quiet" role="status">
        {rows.length > 0 && countOf(rows.length, 'event')}
        {isLoading && ` Searching…`}
      </p>
      {failure !== undefined && <Failed failure={failure} retry={reload} />}
      {rows.map(({ event, by }, index) => (
        <FoundEvent key={index} of={event} by={by} />
      ))}
      {rows.length === 0 && isLoading && <Loading what="Searching the log" />}
      {rows.length === 0 && !isLoading && failure === undefined && (
        <Empty title="Not found in this time">
          Search further back, or check the id. An event that never reached the gate is on no page:
          ask its producer for the answer that it got.
        </Empty>
      )}
    </section>
  );
}

/**
 * Searches for an id first; a person has too many events to look all of them up at destinations, so that
 * search is the second one, unless the viewer chose it.
 */
function useFound(filters: Filters, text: string) {
  const { events } = useService();
  return useList<Found>(filters.text, async (pageToken, signal) => {
    const chosen = filters.get('by');
    // The token says which search it continues.
    const [by, token] = splitToken(pageToken, chosen === 'person' ? 'person' : 'id');
    const since = timeOfFilter(filters.get('since'), Date.now()) ?? monthOf(filters);
    const request = {
      ...(by === 'id' ? { id: text } : { user: text }),
      pageToken: token,
      ...(since !== undefined && { since: timestampFromMs(since) }),
    };
    const answer = await events.locate(request, { signal });
    const rows = answer.events.map((event) => ({ event, by }));
    const rest = answer.nextPageToken;
    const next = rest === '' && by === 'id' && chosen === '' ? 'person ' : '';
    return { rows, nextPageToken: rest === '' ? next : `${by} ${rest}` };
  });
}

function splitToken(token: string, first: By): [by: By, token: string] {
  if (token === '') return [first, ''];
  const [by, rest = ''] = token.split(' ', 2);
  return [by as By, rest];
}

function monthOf(filters: Filters): number | undefined {
  return filters.get('since') === '30d' ? Date.now() - 30 * 86_400_000 : undefined;
}

function FoundEvent({ of, by }: { readonly of: LocatedEvent; readonly by: By }) {
  const { place } = of;
  if (place.case === 'stored') return <StoredCard of={place.value} isLookedUp={by === 'id'} />;
  if (place.case === 'rejected') return <RefusedCard of={place.value} />;
  return null;
}
