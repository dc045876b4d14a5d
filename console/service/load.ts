import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { failureOf, type Failure } from './failure.ts';

export interface Loaded<Value> {
  /** The last value, also while a newer one is loaded. */
  readonly value: Value | undefined;
  readonly failure: Failure | undefined;
  readonly isLoading: boolean;
  reload(): void;
}

/**
 * Loads a value, again when `key` changes, and every `everyMs` while the page is visible. The value of
 * another key is not shown while a new one is loaded.
 */
export function useLoad<Value>(
  key: string,
  load: (signal: AbortSignal) => Promise<Value>,
  everyMs?: number,
): Loaded<Value> {
  const [state, setState] = useState<{ key: string; value?: Value; failure?: Failure }>({ key });
  const [isLoading, setIsLoading] = useState(true);
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => setTurn((turn) => turn + 1), []);
  useEffect(() => {
    const stop = new AbortController();
    setIsLoading(true);
    latest
      .current(stop.signal)
      .then((value) => setState({ key, value }))
      .catch((error: unknown) => {
        const failure = failureOf(error);
        if (failure === undefined || stop.signal.aborted) return;
        setState((before) => (before.key === key ? { ...before, failure } : { key, failure }));
      })
      .finally(() => {
        if (!stop.signal.aborted) setIsLoading(false);
      });
    return () => stop.abort();
  }, [key, turn]);
  useEffect(() => {
    if (everyMs === undefined) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') reload();
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, reload]);
  const isCurrent = state.key === key;
  return {
    value: isCurrent ? state.value : undefined,
    failure: isCurrent ? state.failure : undefined,
    isLoading,
    reload,
  };
}
