import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';

import { ServiceError } from '../errors.ts';

const pageSizeDefault = 100;
const pageSizeMaxDefault = 500;

/** The number of entries of a page. Throws a ServiceError `invalid_request` above the limit. */
export function readPageSize(pageSize: number, pageSizeMax = pageSizeMaxDefault): number {
  if (pageSize <= pageSizeMax) return pageSize === 0 ? pageSizeDefault : pageSize;
  return refuse(`page_size is ${pageSize}; at most ${pageSizeMax} entries are returned at a time.`);
}

export interface TimeBounds {
  /** Unix time in ms; 0 means from the beginning. */
  readonly sinceMs: number;
  /** Unix time in ms; Infinity means to the end. */
  readonly untilMs: number;
}

/** Reads the time range of a request. */
export function readBounds({
  since,
  until,
}: {
  readonly since?: Timestamp | undefined;
  readonly until?: Timestamp | undefined;
}): TimeBounds {
  return {
    sinceMs: since === undefined ? 0 : timestampMs(since),
    untilMs: until === undefined ? Infinity : timestampMs(until),
  };
}

/** A reason is a line or a paragraph. */
const whyCharactersMax = 2_000;

/** The reason for a discard. Throws a ServiceError `invalid_request` if it is empty or too long. */
export function readWhy(why: string): string {
  if (why.trim() === '') refuse('why is missing. Say why the event is given up; it is kept.');
  if (why.length > whyCharactersMax) {
    refuse(`why has ${why.length} characters; at most ${whyCharactersMax} are kept.`);
  }
  return why.trim();
}

/** Throws a ServiceError `invalid_request`. `message` names the field and its valid values. */
export function refuse(message: string): never {
  throw new ServiceError('invalid_request', message);
}

/** Longer than any id that the gate accepts. */
const userCharactersMax = 1_000;

/** The id of a person; empty: everyone. */
export function readUser(user: string): string {
  if (user.length <= userCharactersMax) return user;
  return refuse(`user has ${user.length} characters; at most ${userCharactersMax} are accepted.`);
}
