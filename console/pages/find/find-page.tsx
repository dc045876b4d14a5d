import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { useRef } from 'preact/hooks';

import { useFilters, type Filters } from '../../navigation/address.ts';
import type { LocatedEvent } from '../../../gen/headgate/v1/event_service_pb.ts';
import { countOf } from '../../parts/figures.ts';
import { ChoiceFilter, FilterBar, TextFilter } from '../../parts/filter-bar.tsx';
import { Empty, Failed, Loading } from '../../parts/states.tsx';
import { timeOfFilter } from '../../parts/time-filter.ts';
import { msOf, useTimeText } from '../../parts/time.tsx';
import { useList } from '../../service/list.ts';
import { useService } from '../../service/service.ts';
import { DeadCard } from './dead-card.tsx';
import { RefusedCard } from './refused-card.tsx';
import { StoredCard } from './stored-card.tsx';

/** Where an event is: by any of its ids, by what is in it, or all events of a person. */
export function FindPage() {
  const filters = useFilters();
  const text = filters.get('q');
  return (
    <>
      <div class="page-head">
        <h1>Find</h1>
      </div>
      <FilterBar label="Find">
        <TextFilter name="q" label="Id, person or property" hint="A-1003, order_id=A-1003" />
        <ChoiceFilter name="by" label="It is" choices={kinds} />
        <ChoiceFilter name="since" label="Search back" choices={times} />
      </FilterBar>
      {text === '' ? (
        <Empty title="Which event?">
          Paste an event id, an idempotency key, a correlation id, the id of a person, or the value
          of a property such as an order number: the page shows what became of it at every
          destination.
        </Empty>
      ) : (
        <Results key={filters.text} filters={filters} text={text} />
      )}
    </>
  );
}

const kinds = [
  ['', 'any of these'],
  ['id', 'an id'],
  ['person', 'a person'],
  ['property', 'a property'],
] as const;
const times = [
  ['', '24 hours, or as the id says'],
  ['1h', '1 hour'],
  ['7d', '7 days'],
  ['30d', '30 days'],
] as const;

/** More cards are no answer that a person reads. */
const cardsMax = 100;
/** Each page reads up to 20,000 events. */
const pagesMax = 25;
/** Each of these loads its event. */
const wholeMax = 5;

function Results({ filters, text }: { readonly filters: Filters; readonly text: string }) {
  const { list, looked } = useFound(filters, text);
  const { rows, isLoading, isCut, failure, reload, more } = list;
  const timeText = useTimeText();
  const since = looked.sinceMs === undefined ? '' : ` since ${timeText(looked.sinceMs)}`;
  const compared = `Looked at ${countOf(looked.compared, 'event')}${since}`;
  return (
    <section aria-label="Results">
      <p class="under quiet" role="status">
        {rows.length > 0 && `${countOf(rows.length, 'event')} found. `}
        {isLoading
          ? `${compared}. Searching…`
          : isCut
            ? `${compared}, not at all of them.`
            : `${compared}.`}
      </p>
      {failure !== undefined && <Failed failure={failure} retry={reload} />}
      {rows.map((event, index) => (
        <FoundEvent key={index} of={event} isWhole={rows.length <= wholeMax} />
      ))}
      {rows.length === 0 && isLoading && <Loading what="Searching the log" />}
      {isCut && !isLoading && (
        <p>
          <button type="button" onClick={more}>
            Look further
          </button>
        </p>
      )}
      {rows.length === 0 && !isLoading && !isCut && failure === undefined && (
        <NotFound text={text} compared={compared} />
      )}
    </section>
  );
}

function NotFound({ text, compared }: { readonly text: string; readonly compared: string }) {
  const at = text.indexOf('=');
  const name = at > 0 ? text.slice(0, at) : 'order_id';
  const value = text.slice(at + 1).replaceAll("'", "''");
  return (
    <div class="empty">
      <strong>Not found in this time</strong>
      <p>
        {compared}: accepted and refused ones, and dead letters. Search further back, or check what
        was typed: a value is compared whole.
      </p>
      <p>
        The log deletes events after its retention; warehouses keep them. In SQLite:{' '}
        <code>{`headgate query "select * from events where properties->>'$.${name}' = '${value}'"`}</code>
      </p>
      <p>
        An event that never reached the gate is in none of them: ask its producer for the answer
        that it got.
      </p>
    </div>
  );
}

interface Looked {
  compared: number;
  sinceMs: number | undefined;
}

const uuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const anyId = /^[\u0021-\u007e]{1,128}$/;

/**
 * A UUID is an id first, which is found fast. Any other text is looked for as an id, a person and a property
 * in one pass over the log.
 */
function useFound(filters: Filters, text: string) {
  const { events } = useService();
  const looked = useRef<Looked>({ compared: 0, sinceMs: undefined });
  const list = useList<LocatedEvent>(
    filters.text,
    async (pageToken, signal) => {
      const chosen = filters.get('by');
      // The token says which search it continues.
      const [by, token] = splitToken(pageToken, chosen || (uuid.test(text) ? 'id' : 'any'));
      if (pageToken === '') looked.current = { compared: 0, sinceMs: undefined };
      const since = timeOfFilter(filters.get('since'));
      const request = {
        ...wantedBy(by, text),
        pageToken: token,
        ...(since !== undefined && { since: timestampFromMs(since) }),
      };
      const answer = await events.locate(request, { signal });
      const { compared, searchedFrom, nextPageToken: rest } = answer;
      looked.current.compared += Number(compared);
      looked.current.sinceMs ??= msOf(searchedFrom);
      const found = answer.events.length > 0;
      const next = rest === '' && by === 'id' && chosen === '' && !found ? 'any ' : '';
      if (next !== '') looked.current = { compared: 0, sinceMs: undefined };
      return { rows: answer.events, nextPageToken: rest === '' ? next : `${by} ${rest}` };
    },
    { rowsMax: cardsMax, pagesMax },
  );
  return { list, looked: looked.current };
}

function wantedBy(by: string, text: string) {
  if (by === 'id') return { id: text };
  if (by === 'person') return { user: text };
  if (by === 'property') return { property: text };
  return { id: anyId.test(text) ? text : '', user: text, property: text };
}

function splitToken(token: string, first: string): [by: string, token: string] {
  if (token === '') return [first, ''];
  const at = token.indexOf(' ');
  return [token.slice(0, at), token.slice(at + 1)];
}

function FoundEvent({ of, isWhole }: { readonly of: LocatedEvent; readonly isWhole: boolean }) {
  const { place } = of;
  if (place.case === 'stored') return <StoredCard of={place.value} />;
  if (place.case === 'rejected') return <RefusedCard of={place.value} isWhole={isWhole} />;
  return place.case === 'deadLetter' ? <DeadCard of={place.value} /> : null;
}
