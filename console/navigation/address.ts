import { useLayoutEffect, useState } from 'preact/hooks';

/** Where the viewer is: every state of a page that can be linked to is in it. */
export interface Address {
  /** `/refused`, without a slash at the end. */
  readonly path: string;
  readonly query: URLSearchParams;
}

export function readAddress(url: Pick<URL, 'pathname' | 'search'>): Address {
  const path = url.pathname.replace(/\/+$/, '') || '/';
  return { path, query: new URLSearchParams(url.search) };
}

/** The name that a path has below the one of its page; empty without one. Malformed escapes stay as they are. */
export function nameBelow(path: string, page: string): string {
  const text = path.slice(page.length + 1);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const sequenceMax = 2n ** 64n - 1n;

/** A position in the log that an address names: from 1, without a sign. Undefined for any other text. */
export function sequenceOf(text: string): bigint | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const sequence = BigInt(text);
  return sequence > 0n && sequence <= sequenceMax ? sequence : undefined;
}

/** Goes to a page of the console. `replace` keeps the history short while a filter is typed. */
export function goTo(to: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'push') history.pushState(null, '', to);
  else history.replaceState(null, '', to);
  dispatchEvent(new PopStateEvent('popstate'));
}

/** The address, and a new one after each step of the viewer. */
export function useAddress(): Address {
  const [address, setAddress] = useState(() => readAddress(location));
  // Before the page is painted: a step that comes in between would be missed for good.
  useLayoutEffect(() => {
    const follow = (): void => setAddress(readAddress(location));
    addEventListener('popstate', follow);
    return () => removeEventListener('popstate', follow);
  }, []);
  return address;
}

/** The address of a page with filters; those without a value are left out. */
export function linkTo(
  path: string,
  filters: Readonly<Record<string, string | undefined>> = {},
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) {
    if (value !== undefined && value !== '') query.set(name, value);
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

export interface Filters {
  get(name: string): string;
  /** Sets filters; an empty text removes one. */
  set(changes: Readonly<Record<string, string>>, how?: 'push' | 'replace'): void;
  /** The address of this page with changed filters. */
  linkWith(changes: Readonly<Record<string, string>>): string;
  /** The filters as one text, which changes when one of them does. */
  readonly text: string;
}

/** The filters of this page, as they are in the address. */
export function useFilters(): Filters {
  const { path, query } = useAddress();
  const linkWith: Filters['linkWith'] = (changes) =>
    linkTo(path, { ...Object.fromEntries(query), ...changes });
  return {
    get: (name) => query.get(name) ?? '',
    set: (changes, how = 'push') => goTo(linkWith(changes), how),
    linkWith,
    text: query.toString(),
  };
}

/**
 * Follows links within the console without loading the page again. Links with a modifier, a target or a
 * download are the browser's.
 */
export function followLinks(): () => void {
  const follow = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.('a[href]');
    if (!(link instanceof HTMLAnchorElement) || link.target !== '' || link.download !== '') return;
    if (link.origin !== location.origin || link.pathname.startsWith('/assets/')) return;
    if (link.hash !== '' && link.pathname === location.pathname) return;
    event.preventDefault();
    goTo(link.pathname + link.search);
    scrollTo(0, 0);
  };
  document.addEventListener('click', follow);
  return () => document.removeEventListener('click', follow);
}
