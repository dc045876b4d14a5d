import { useState } from 'preact/hooks';

/** An id or another text to take away, with a button that copies it. */
export function Copied({ text, label }: { readonly text: string; readonly label?: string }) {
  const [isDone, setIsDone] = useState(false);
  if (text === '') return null;
  const copy = (): void => {
    navigator.clipboard
      ?.writeText(text)
      .then(() => setIsDone(true))
      // Without permission the text can still be selected.
      .catch(() => setIsDone(false));
  };
  return (
    <span class="copied">
      <code>{text}</code>
      <button type="button" class="small" aria-label={`Copy ${label ?? text}`} onClick={copy}>
        {isDone ? 'Copied' : 'Copy'}
      </button>
    </span>
  );
}

/** Saves a text as a file of this name. */
export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text]));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
