import { Copied } from '../../parts/copy.tsx';

/** The only place where a key is ever shown. */
export function NewKey({
  secret,
  source,
  warning = '',
}: {
  secret: string;
  source: string;
  warning?: string;
}) {
  return (
    <>
      <p>
        The key of <strong>{source}</strong>. Copy it now: it is shown once, and nothing keeps it.
      </p>
      <p class="secret">
        <Copied text={secret} label="the key" />
      </p>
      {warning !== '' && <p class="note">{warning}</p>}
    </>
  );
}
