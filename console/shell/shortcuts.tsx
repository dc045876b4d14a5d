import { useLayoutEffect, useState } from 'preact/hooks';

import { Dialog } from '../parts/dialogs/dialog.tsx';
import { goTo } from '../navigation/address.ts';
import { pages } from './pages.ts';

export interface Shortcuts {
  readonly isShown: boolean;
  show(): void;
  hide(): void;
}

/** How long g waits for the second key. */
const secondKeyMs = 2_000;

/** Keys that work wherever no text is typed. */
export function useShortcuts(search: { readonly current: HTMLInputElement | null }): Shortcuts {
  const [isShown, setIsShown] = useState(false);
  // A key may come as soon as there is something to see.
  useLayoutEffect(() => {
    let goAtMs = -Infinity;
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target as Element;
      if (target.closest('input, textarea, select, dialog') !== null) return;
      if (event.key === '/') {
        event.preventDefault();
        search.current?.focus();
        search.current?.select();
      } else if (event.key === '?') setIsShown(true);
      else if (event.key === 'g') goAtMs = event.timeStamp;
      // When it was pressed: a page that is busy hears of both keys late.
      else if (event.timeStamp - goAtMs < secondKeyMs) {
        const page = pages.find(({ key }) => key === event.key);
        goAtMs = -Infinity;
        if (page !== undefined) goTo(page.path);
      }
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [search]);
  return { isShown, show: () => setIsShown(true), hide: () => setIsShown(false) };
}

const others = [
  ['/', 'Find an event'],
  ['j or ↓, k or ↑', 'Next and previous row of a table'],
  ['Home, End', 'First and last row'],
  ['Enter', 'Open the row'],
  ['p', 'Pause or go on with live events'],
  ['Escape', 'Close a dialog or the open row'],
  ['?', 'This list'],
] as const;

export function ShortcutList({ onClose }: { readonly onClose: () => void }) {
  const all = [...pages.map(({ key, title }) => [`g ${key}`, title] as const), ...others];
  return (
    <Dialog title="Shortcuts" onClose={onClose}>
      <dl class="shortcuts">
        {all.map(([keys, words]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
