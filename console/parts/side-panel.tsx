import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { goTo } from '../navigation/address.ts';
import { useKeys } from './use-keys.ts';

export interface SidePanelProps {
  readonly title: ComponentChildren;
  /** The name of the region for those who do not see it. */
  readonly label: string;
  /** Where the viewer goes when the panel is closed: the list without it. */
  readonly closeTo: string;
  readonly children: ComponentChildren;
}

/** One thing of a list, beside the list; over it where the window is narrow. Escape closes it. */
export function SidePanel({ title, label, closeTo, children }: SidePanelProps) {
  const panel = useRef<HTMLElement>(null);
  useKeys((event) => {
    if (event.key !== 'Escape' || document.querySelector('dialog[open]') !== null) return;
    goTo(closeTo);
  });
  useEffect(() => {
    panel.current?.scrollTo(0, 0);
  }, [label]);
  return (
    <aside class="panel" ref={panel} aria-label={label}>
      <header>
        <h2>{title}</h2>
        <a class="close" href={closeTo} aria-label="Close">
          ✕
        </a>
      </header>
      {children}
    </aside>
  );
}
