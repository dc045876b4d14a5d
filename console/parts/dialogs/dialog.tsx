import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly isWide?: boolean;
}

const focusable =
  'a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, [tabindex="0"]';

/** From the last element Tab goes to the first one: the browser alone would leave the page. */
function keepFocus(event: KeyboardEvent): void {
  if (event.key !== 'Tab') return;
  const dialog = event.currentTarget as HTMLDialogElement;
  const elements = [...dialog.querySelectorAll<HTMLElement>(focusable)];
  const from = event.shiftKey ? elements[0] : elements.at(-1);
  const to = event.shiftKey ? elements.at(-1) : elements[0];
  if (document.activeElement !== from) return;
  event.preventDefault();
  to?.focus();
}

const field = 'input:enabled, select:enabled, textarea:enabled';

/**
 * Focuses the first field, or else the first button below: the one that changes nothing. What a dialog shows
 * is loaded after it opens, and replaced by the result. Who has begun to move within it is left alone.
 */
function settleFocus(dialog: HTMLDialogElement, hasMoved: boolean): void {
  const focused = document.activeElement;
  const isIdle = focused === dialog || focused?.matches('header .close') === true;
  if (dialog.contains(focused) && (hasMoved || !isIdle)) return;
  const first =
    dialog.querySelector<HTMLElement>(field) ?? dialog.querySelector<HTMLElement>('footer button');
  (first ?? dialog).focus();
}

/** A modal dialog. It keeps the focus, and gives it back when it closes. */
export function Dialog({ title, onClose, children, isWide }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const shown = dialog.current!;
    const before = document.activeElement;
    let hasMoved = false;
    const settle = (): void => settleFocus(shown, hasMoved);
    const move = (): void => void (hasMoved = true);
    shown.showModal();
    shown.focus();
    settle();
    const changes = new MutationObserver(settle);
    changes.observe(shown, { childList: true, subtree: true });
    for (const kind of ['keydown', 'pointerdown']) shown.addEventListener(kind, move);
    return () => {
      changes.disconnect();
      shown.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={isWide === true ? 'dialog broad' : 'dialog'}
      aria-labelledby={id}
      tabIndex={-1}
      onKeyDown={keepFocus}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" class="close" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}
