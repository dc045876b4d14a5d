import type { ComponentChildren } from 'preact';

import type { Failure } from '../service/failure.ts';
import type { Loaded } from '../service/load.ts';

/** Something is on its way. Appears only after a moment, so that fast answers do not flicker. */
export function Loading({ what = 'Loading' }: { readonly what?: string }) {
  return (
    <p class="loading" role="status">
      {what}…
    </p>
  );
}

export function Failed({ failure, retry }: { failure: Failure; retry?: (() => void) | undefined }) {
  return (
    <div class="notice bad" role="alert">
      <strong>{failure.title}</strong>
      <p>{failure.text}</p>
      {retry !== undefined && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Nothing to show, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

export interface ShownProps<Value> {
  readonly of: Loaded<Value>;
  readonly what?: string;
  readonly children: (value: Value) => ComponentChildren;
}

/** A loaded value; until then that it loads, and above it what went wrong since. */
export function Shown<Value>({ of, what, children }: ShownProps<Value>) {
  const { value, failure, reload } = of;
  return (
    <>
      {failure !== undefined && <Failed failure={failure} retry={reload} />}
      {value !== undefined && children(value)}
      {value === undefined && failure === undefined && <Loading {...(what && { what })} />}
    </>
  );
}
