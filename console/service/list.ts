import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';

import { failureOf, type Failure } from './failure.ts';
import { ServiceContext } from './service.ts';
import { walkPages } from './walk.ts';

export interface ListPage<Row> {
  readonly rows: readonly Row[];
  readonly nextPageToken: string;
  /** The list is large enough: no further page is loaded. */
  readonly isEnough?: boolean;
}

export interface ListLimits {
  readonly rowsMax?: number;
  /** Of the service, until `more` is called. */
  readonly pagesMax?: number;
}

export interface List<Row> {
  readonly rows: readonly Row[];
  readonly failure: Failure | undefined;
  readonly isLoading: boolean;
  /** There are more rows, or more that was not searched. */
  readonly isCut: boolean;
  reload(): void;
  /** Loads what comes after a list that is cut. */
  more(): void;
}

/** More rows are no list that a person reads: filters are for that. */
export const rowsMax = 10_000;

/**
 * Loads a list page by page, again when `key` changes or another session begins. Rows appear as their
 * pages arrive.
 */
export function useList<Row>(
  key: string,
  request: (pageToken: string, signal: AbortSignal) => Promise<ListPage<Row>>,
  limits: ListLimits = {},
): List<Row> {
  const [state, setState] = useState<Shown<Row>>({ key, ...nothing });
  const [turn, setTurn] = useState(0);
  const service = useContext(ServiceContext);
  const latest = useRef(request);
  latest.current = request;
  const goesOn = useRef(false);
  const reload = useCallback(() => setTurn((turn) => turn + 1), []);
  const more = useCallback(() => {
    goesOn.current = true;
    reload();
  }, []);
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const before = goesOn.current && state.key === key ? state : undefined;
    goesOn.current = false;
    let rows: readonly Row[] = before?.rows ?? [];
    const rowsEnd = rows.length + (limits.rowsMax ?? rowsMax);
    setState((before) => ({ ...(before.key === key ? before : nothing), key, isLoading: true }));
    walkPages((token) => latest.current(token, signal), {
      signal,
      from: before?.rest,
      ...(limits.pagesMax !== undefined && { pagesMax: limits.pagesMax }),
      onPage: (page) => {
        rows = rows.concat(page.rows);
        if (signal.aborted || page.nextPageToken === '') return true;
        setState({ key, ...nothing, rows, isLoading: true });
        return page.isEnough !== true && rows.length < rowsEnd;
      },
    })
      .then((rest) => {
        if (signal.aborted) return;
        setState({ key, ...nothing, rows, isCut: rest !== '', rest });
      })
      .catch((error: unknown) => {
        const failure = failureOf(error);
        if (failure === undefined || signal.aborted) return;
        setState((before) => ({ ...before, failure, isLoading: false }));
      });
    return () => stop.abort();
  }, [key, turn, service]);
  const shown = state.key === key ? state : { ...nothing, isLoading: true };
  return { ...shown, reload, more };
}

interface Shown<Row> extends Omit<List<Row>, 'reload' | 'more'> {
  readonly key: string;
  /** The token of the first page that was not loaded. */
  readonly rest: string;
}

const nothing = {
  rows: [],
  failure: undefined,
  isLoading: false,
  isCut: false,
  rest: '',
} as const;
