import { useMemo } from 'preact/hooks';

import { formatJson } from './format-json.ts';

/** JSON in lines and colours. Beyond this length it is shown without them. */
const coloredLengthMax = 100_000;

export function JsonText({ json, label }: { readonly json: string; readonly label: string }) {
  const parts = useMemo(
    () => (json.length > coloredLengthMax ? [{ kind: 'word', text: json }] : formatJson(json)),
    [json],
  );
  return (
    // A focus, so that keys can scroll it.
    <pre class="json" tabIndex={0} role="region" aria-label={label}>
      {parts.map(({ kind, text }, index) => (
        <span key={index} class={kind}>
          {text}
        </span>
      ))}
    </pre>
  );
}
