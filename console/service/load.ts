import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';

import { failureOf, type Failure } from './failure.ts';
import { ServiceContext } from './service.ts';

export interface Loaded<Value> {
  /** The last value, also while a newer one is loaded. */
  readonly value: Value | undefined;
  readonly failure: Failure | undefined;
  readonly isLoading: boolean;
  reload(): void;
}

/**
 * Loads a value, again when `key` changes or another session begins, and every `everyMs` while the page
 * is visible and no answer is awaited. The value of another key is not shown while a new one is loaded.
 * Undefined is what is not loaded: what does not exist is null.
 */
export function useLoad<Value extends {} | null>(
  key: string,
  load: (signal: AbortSignal) => Promise<Value>,
  everyMs?: number,
): Loaded<Value> {
  const [state, setState] = useState<{ key: string; value?: Value; failure?: Failure }>({ key });
  const [isLoading, setIsLoading] = useState(true);
  const [turn, setTurn] = useState(0);
  const service = useContext(ServiceContext);
  const latest = useRef(load);
  latest.current = load;
  const isAwaited = useRef(false);
  const reload = useCallback(() => setTurn((turn) => turn + 1), []);
  useEffect(() => {
    const stop = new AbortController();
    setIsLoading(true);
    isAwaited.current = true;
    // A `load` may throw at once, too.
    void (async () => latest.current(stop.signal))()
      .then((value) => setState({ key, value }))
      .catch((error: unknown) => {
        const failure = failureOf(error);
        if (failure === undefined || stop.signal.aborted) return;
        setState((before) => (before.key === key ? { ...before, failure } : { key, failure }));
      })
      .finally(() => {
        if (stop.signal.aborted) return;
        isAwaited.current = false;
        setIsLoading(false);
      });
    return () => stop.abort();
  }, [key, turn, service]);
  useEffect(() => {
    if (everyMs === undefined) return undefined;
    const timer = setInterval(() => {
      // A new request would end the one before, and a slow answer would never be seen.
      if (document.visibilityState === 'visible' && !isAwaited.current) reload();
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
