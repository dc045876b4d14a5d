import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { failureOf, type Failure } from './failure.ts';
import { walkPages } from './walk.ts';

export interface ListPage<Row> {
  readonly rows: readonly Row[];
  readonly nextPageToken: string;
}

export interface List<Row> {
  readonly rows: readonly Row[];
  readonly failure: Failure | undefined;
  readonly isLoading: boolean;
  /** There are more rows than a page of the console loads. */
  readonly isCut: boolean;
  reload(): void;
}

/** More rows are no list that a person reads: filters are for that. */
export const rowsMax = 10_000;

/** Loads a list page by page, again when `key` changes. Rows appear as their pages arrive. */
export function useList<Row>(
  key: string,
  request: (pageToken: string, signal: AbortSignal) => Promise<ListPage<Row>>,
): List<Row> {
  const [state, setState] = useState<Omit<List<Row>, 'reload'> & { key: string }>({
    key,
    ...nothing,
  });
  const [turn, setTurn] = useState(0);
  const latest = useRef(request);
  latest.current = request;
  const reload = useCallback(() => setTurn((turn) => turn + 1), []);
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    let rows: readonly Row[] = [];
    setState((before) => ({ ...(before.key === key ? before : nothing), key, isLoading: true }));
    walkPages((token) => latest.current(token, signal), {
      signal,
      onPage: (page) => {
        rows = rows.concat(page.rows);
        if (signal.aborted || page.nextPageToken === '') return true;
        setState({ key, rows, failure: undefined, isLoading: true, isCut: false });
        return rows.length < rowsMax;
      },
    })
      .then((rest) => {
        if (signal.aborted) return;
        setState({ key, rows, failure: undefined, isLoading: false, isCut: rest !== '' });
      })
      .catch((error: unknown) => {
        const failure = failureOf(error);
        if (failure === undefined || signal.aborted) return;
        setState((before) => ({ ...before, failure, isLoading: false }));
      });
    return () => stop.abort();
  }, [key, turn]);
  const shown = state.key === key ? state : { ...nothing, isLoading: true };
  return { ...shown, reload };
}

const nothing = { rows: [], failure: undefined, isLoading: false, isCut: false } as const;
