/** A page of a list that the service reads in bounded parts. */
interface Page {
  readonly nextPageToken: string;
}

export interface WalkOptions<Answer> {
  readonly signal: AbortSignal;
  /** Called for each page. Returns false to stop. */
  readonly onPage: (page: Answer) => boolean | void;
  /** Undefined or empty for the first page. */
  readonly from?: string | undefined;
  /** A walk of more pages stops, and its rest is a token. For an act or its count: `everyPage`. */
  readonly pagesMax?: number;
}

/** An act that stopped half-way would look as if it were done. What was counted bounds it. */
export const everyPage = Number.POSITIVE_INFINITY;

/**
 * Requests page after page until the list ends, `onPage` has enough, or `pagesMax` is reached. Returns
 * the token of the next page, empty at the end. Throws what a request throws, also when it is aborted.
 */
export async function walkPages<Answer extends Page>(
  request: (pageToken: string) => Promise<Answer>,
  { signal, onPage, from = '', pagesMax = 1_000 }: WalkOptions<Answer>,
): Promise<string> {
  let token = from;
  for (let page = 0; page < pagesMax; page += 1) {
    signal.throwIfAborted();
    const answer = await request(token);
    token = answer.nextPageToken;
    if (onPage(answer) === false || token === '') return token;
  }
  return token;
}
