import { useLayoutEffect } from 'preact/hooks';

/** Listens to keys wherever they are pressed, from the moment at which there is something to see: before it is painted. */
export function useKeys(press: (event: KeyboardEvent) => void): void {
  useLayoutEffect(() => {
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  });
}

/** Whether a key is for the page: without a modifier, and where no text is typed. */
export function isForPage(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  return (event.target as Element).closest('input, textarea, select, dialog') === null;
}
