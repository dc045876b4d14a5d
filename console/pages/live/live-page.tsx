import { useState } from 'preact/hooks';

import { useFilters, type Filters } from '../../navigation/address.ts';
import { countOf, formatCount } from '../../parts/figures.ts';
import { Empty, Failed, Loading } from '../../parts/states.tsx';
import { isForPage, useKeys } from '../../parts/use-keys.ts';
import { EarlierEvents } from './earlier-events.tsx';
import { EventFilters, EventList } from './event-list.tsx';
import { eventsMax, useTail, type TailView } from './use-tail.ts';

/** Events as they come in, or those of a time range. */
export function LivePage() {
  const filters = useFilters();
  const isEarlier = filters.get('since') !== '' || filters.get('until') !== '';
  return <>{isEarlier ? <EarlierEvents filters={filters} /> : <LiveEvents filters={filters} />}</>;
}

function LiveEvents({ filters }: { readonly filters: Filters }) {
  const [isPaused, setIsPaused] = useState(false);
  const [pausedAt, setPausedAt] = useState(0);
  const key = ['verdict', 'event', 'source', 'user'].map(filters.get).join('\n');
  const view = useTail(filters, key, isPaused);
  const toggle = (): void => {
    setPausedAt(view.added);
    setIsPaused(!isPaused);
  };
  useToggleKey(toggle);
  return (
    <>
      <div class="page-head">
        <h1>Live events</h1>
        <LiveState view={view} missed={isPaused ? view.added - pausedAt : undefined} />
        <div class="acts">
          <button type="button" aria-pressed={isPaused} onClick={toggle}>
            {isPaused ? 'Go on' : 'Pause'}
          </button>
        </div>
      </div>
      <EventFilters />
      {view.failure !== undefined && <Failed failure={view.failure} />}
      <EventList
        label="Live events"
        events={view.events}
        filters={filters}
        empty={
          view.isConnected ? (
            <Empty title="Waiting for events">
              Events appear here as they come in. Send one: <code>headgate track</code>. Those that
              came before are on the list of the{' '}
              <a href={filters.linkWith({ since: '24h' })}>last 24 hours</a>.
            </Empty>
          ) : (
            view.failure === undefined && <Loading what="Connecting" />
          )
        }
      />
    </>
  );
}

function LiveState({ view, missed }: { view: TailView; missed: number | undefined }) {
  const { isConnected, added, dropped, leftOut } = view;
  const parts = [
    missed === undefined ? countOf(added, 'event') : `${countOf(missed, 'event')} since the pause`,
    dropped > 0 && `the newest ${formatCount(eventsMax)} are listed`,
    leftOut > 0 && `${formatCount(leftOut)} left out, because more came than can be sent`,
  ].filter((part) => typeof part === 'string');
  return (
    <p class="live-state quiet" role="status">
      <span class={isConnected ? 'dot on' : 'dot'} aria-hidden="true" />
      {isConnected ? (missed === undefined ? 'Live' : 'Paused') : 'Not connected'}
      {isConnected && `: ${parts.join('; ')}`}
    </p>
  );
}

/** p, where no text is typed. */
function useToggleKey(toggle: () => void): void {
  useKeys((event) => {
    if (event.key === 'p' && isForPage(event)) toggle();
  });
}
