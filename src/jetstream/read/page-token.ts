import { ServiceError } from '../../errors.ts';

/** The lists that are read in pages. A token goes on in its own list alone. */
export type PagedList = 'events' | 'rejected' | 'dead' | 'located';

/** Where a walk through one stream goes on. All are sequences. */
export interface WalkPosition {
  /** The first message that was not looked at. */
  readonly next: number;
  /** Where the walk began. */
  readonly from: number;
  /** Where it ends: the last message there was when it began. */
  readonly upTo: number;
}

/** How a page begins in one stream: the first page, a later one, or nothing more in this stream. */
export type PageStart = WalkPosition | 'beginning' | 'done';

const done = 'done';
const positionPattern = /^(\d{1,15})-(\d{1,15})-(\d{1,15})$/;
const tokenPattern = /^([a-z]{1,16}):([\d-]{1,60}|done)(?:\/([\d-]{1,60}|done))?$/;

/**
 * The `next_page_token` of a page: the list, and one position for each of its streams, in their order.
 * Undefined: nothing more in that stream. Empty when that is so of all.
 */
export function writePageToken(
  list: PagedList,
  positions: readonly (WalkPosition | undefined)[],
): string {
  if (positions.every((position) => position === undefined)) return '';
  const parts = positions.map((position) =>
    position === undefined ? done : `${position.next}-${position.from}-${position.upTo}`,
  );
  return `${list}:${parts.join('/')}`;
}

/**
 * Reads a `page_token` of a list of one stream, or of two. An empty one is the first page. Throws a
 * ServiceError `malformed_request` for one that `writePageToken` did not write for this list.
 */
export function readPageToken(list: PagedList, streams: 1 | 2, token: string): PageStart[] {
  if (token === '') return Array.from({ length: streams }, () => 'beginning');
  const [, tokenList, ...parts] = tokenPattern.exec(token) ?? refuse('is no next_page_token');
  if (tokenList !== list) refuse('is the next_page_token of another list');
  const starts = parts.filter((part) => part !== undefined).map(readStart);
  const isSound = starts.length === streams && starts.some((start) => start !== done);
  return isSound ? starts : refuse('is no next_page_token');
}

function readStart(text: string): PageStart {
  if (text === done) return done;
  const [next, from, upTo] = (positionPattern.exec(text) ?? refuse('is no next_page_token'))
    .slice(1)
    .map(Number) as [number, number, number];
  return { next: Math.max(1, next), from, upTo };
}

function refuse(what: string): never {
  throw new ServiceError(
    'malformed_request',
    `page_token ${what}: give that of the page before, or none.`,
  );
}
