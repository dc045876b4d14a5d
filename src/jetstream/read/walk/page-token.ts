import { ServiceError } from '../../../errors.ts';

/** The lists that are read in pages. A token is valid only for its own list. */
export type PagedList = 'events' | 'rejected' | 'dead' | 'located' | 'audit' | 'redelivery';

/** The position from which a walk through a partition of a stream continues. All fields are positions. */
export interface WalkPosition {
  /** The first message that was not read. */
  readonly next: number;
  /** The first message of the walk. */
  readonly from: number;
  /** The last message of the walk: the last one of the partition when the walk began. */
  readonly upTo: number;
}

/**
 * The start of a page in one stream: a later page, by the partitions of the stream, the first page,
 * or the stream is done.
 */
export type PageStart = readonly WalkPosition[] | 'beginning' | 'done';

const done = 'done';
const positionPattern = /^(\d{1,16})-(\d{1,16})-(\d{1,16})$/;
/** 256 partitions of 51 characters. */
const tokenPattern =
  /^([a-z]{1,16}):((?:[\d.-]{1,14000}|done)(?:\/(?:[\d.-]{1,14000}|done)){0,3})$/;

/**
 * The `next_page_token` of a page: the list, and the positions in each of its streams, in order. The
 * positions are undefined if the stream is done. The token is empty if all streams are done.
 */
export function writePageToken(
  list: PagedList,
  streams: readonly (readonly WalkPosition[] | undefined)[],
): string {
  if (streams.every((positions) => positions === undefined)) return '';
  const parts = streams.map(
    (positions) =>
      positions?.map(({ next, from, upTo }) => `${next}-${from}-${upTo}`).join('.') ?? done,
  );
  return `${list}:${parts.join('/')}`;
}

/**
 * Reads a `page_token` of a list of one to four streams. An empty token means the first page. Throws
 * a ServiceError `malformed_request` for a token that `writePageToken` did not write for this list.
 */
export function readPageToken(list: PagedList, streams: 1 | 2 | 3 | 4, token: string): PageStart[] {
  if (token === '') return Array.from({ length: streams }, () => 'beginning');
  const [, tokenList, parts = ''] = tokenPattern.exec(token) ?? refuse('is not a next_page_token');
  if (tokenList !== list) refuse('is the next_page_token of another list');
  const starts = parts
    .split('/')
    .map((text) => (text === done ? done : text.split('.').map(readPosition)));
  const isValid = starts.length === streams && starts.some((start) => start !== done);
  return isValid ? starts : refuse('is not a next_page_token');
}

function readPosition(text: string): WalkPosition {
  const [next, from, upTo] = (positionPattern.exec(text) ?? refuse('is not a next_page_token'))
    .slice(1)
    .map(Number) as [number, number, number];
  const isExact = [next, from, upTo].every(Number.isSafeInteger);
  return isExact ? { next: Math.max(1, next), from, upTo } : refuse('is not a next_page_token');
}

function refuse(what: string): never {
  throw new ServiceError(
    'malformed_request',
    `page_token ${what}: pass the one of the previous page, or leave it empty.`,
  );
}
