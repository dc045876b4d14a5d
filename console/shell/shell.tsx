import type { ComponentChildren } from 'preact';
import { useEffect, useErrorBoundary, useRef, useState } from 'preact/hooks';

import { Empty, Failed } from '../parts/states.tsx';
import { ZoneContext, type Zone } from '../parts/time.tsx';
import { useService } from '../service/service.ts';
import { signOut } from '../service/session.ts';
import { goTo, linkTo, useAddress } from '../navigation/address.ts';
import { pageOf, pages } from './pages.ts';
import { ShortcutList, useShortcuts } from './shortcuts.tsx';

/** The menu, the search field and the page of the address. */
export function Shell({ onLeave }: { readonly onLeave: () => void }) {
  const { path } = useAddress();
  const [zone, setZone] = useState<Zone>(readZone);
  const search = useRef<HTMLInputElement>(null);
  const shortcuts = useShortcuts(search);
  const page = pageOf(path);
  useEffect(() => {
    document.title = `${page?.title ?? 'Not found'} · Headgate`;
  }, [page]);
  const chooseZone = (): void => {
    const chosen = zone === 'local' ? 'utc' : 'local';
    setZone(chosen);
    localStorage.setItem('zone', chosen);
  };
  const View = page?.view;
  return (
    <ZoneContext.Provider value={zone}>
      <a class="skip" href="#page">
        Skip to the page
      </a>
      <header class="top">
        <a class="brand" href="/" aria-label="Headgate, overview">
          Headgate
        </a>
        <FindField field={search} />
        <div class="account">
          <button
            type="button"
            class="small"
            title="Changes the zone of all times"
            onClick={chooseZone}
          >
            {zone === 'local' ? 'Local time' : 'UTC'}
          </button>
          <button type="button" class="small keys" onClick={shortcuts.show} aria-label="Shortcuts">
            ?
          </button>
          <Account onLeave={onLeave} />
        </div>
      </header>
      <nav class="menu" aria-label="Pages">
        {pages.map(({ path, title }) => (
          <a key={path} href={path} aria-current={page?.path === path ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <main id="page" tabIndex={-1}>
        {View === undefined ? (
          <Empty title="There is no such page">Choose one of the menu.</Empty>
        ) : (
          <Guarded key={page!.path}>
            <View />
          </Guarded>
        )}
      </main>
      {shortcuts.isShown && <ShortcutList onClose={shortcuts.hide} />}
    </ZoneContext.Provider>
  );
}

/** A page that cannot be drawn leaves the menu, and the other pages, as they are. */
function Guarded({ children }: { readonly children: ComponentChildren }) {
  const [error, again] = useErrorBoundary();
  if (error === undefined) return <>{children}</>;
  return (
    <Failed
      failure={{ title: 'This page cannot show what the service answered', text: String(error) }}
      retry={again}
    />
  );
}

function FindField({ field }: { readonly field: { current: HTMLInputElement | null } }) {
  const submit = (event: Event): void => {
    event.preventDefault();
    const text = field.current?.value.trim() ?? '';
    if (text !== '') goTo(linkTo('/find', { q: text }));
  };
  return (
    <form class="find-field" role="search" aria-label="Find an event" onSubmit={submit}>
      <input
        ref={field}
        type="search"
        aria-label="Find an event by any id, a person or a property"
        placeholder="Find by id, person or property"
        spellcheck={false}
        autocomplete="off"
      />
    </form>
  );
}

function Account({ onLeave }: { readonly onLeave: () => void }) {
  const { name, role } = useService().session;
  const leave = (): void => {
    // Whether or not the service answers, this page shows nothing more.
    void signOut()
      .catch(() => {})
      .then(onLeave);
  };
  return (
    <>
      <span class="who">
        {name} {name !== role && <span class="quiet">({role})</span>}
      </span>
      <button type="button" class="small" onClick={leave}>
        Sign out
      </button>
    </>
  );
}

function readZone(): Zone {
  return localStorage.getItem('zone') === 'utc' ? 'utc' : 'local';
}
