import { useRef, useState } from 'preact/hooks';

import { Dialog } from '../parts/dialogs/dialog.tsx';
import { isForPage, useKeys } from '../parts/use-keys.ts';
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
  const goAtMs = useRef(-Infinity);
  useKeys((event) => {
    if (!isForPage(event)) return;
    if (event.key === '/') {
      event.preventDefault();
      search.current?.focus();
      search.current?.select();
    } else if (event.key === '?') setIsShown(true);
    else if (event.key === 'g') goAtMs.current = event.timeStamp;
    // When it was pressed: a page that is busy hears of both keys late.
    else if (event.timeStamp - goAtMs.current < secondKeyMs) {
      const page = pages.find(({ key }) => key === event.key);
      goAtMs.current = -Infinity;
      if (page !== undefined) goTo(page.path);
    }
  });
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
