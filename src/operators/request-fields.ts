import type { Timestamp } from '@bufbuild/protobuf/wkt';

import { ServiceError } from '../errors.ts';
import { canonicalName } from '../event/name/event-name.ts';

const pageSizeDefault = 100;
const pageSizeMaxDefault = 500;

/** The number of entries of a page. Throws a ServiceError `invalid_request` above the limit. */
export function readPageSize(pageSize: number, pageSizeMax = pageSizeMaxDefault): number {
  if (pageSize >= 0 && pageSize <= pageSizeMax) return pageSize === 0 ? pageSizeDefault : pageSize;
  return refuse(`page_size is ${pageSize}; at most ${pageSizeMax} entries are returned at a time.`);
}

export interface TimeBounds {
  /** Unix time in ms; 0 means from the beginning. */
  readonly sinceMs: number;
  /** Unix time in ms; Infinity means to the end. */
  readonly untilMs: number;
}

/** Reads the time range of a request. Throws a ServiceError `invalid_request` for what is no time. */
export function readBounds({
  since,
  until,
}: {
  readonly since?: Timestamp | undefined;
  readonly until?: Timestamp | undefined;
}): TimeBounds {
  return {
    sinceMs: since === undefined ? 0 : readTime('since', since),
    untilMs: until === undefined ? Infinity : readTime('until', until),
  };
}

/** The first and the last second that a Timestamp may have: of the years 1 and 9999. */
const secondsMin = -62_135_596_800n;
const secondsMax = 253_402_300_799n;
const nanosMax = 999_999_999;

/** Unix time in ms. NATS answers a time outside of these years as if the log had failed. */
function readTime(field: string, { seconds, nanos }: Timestamp): number {
  const isTime = seconds >= secondsMin && seconds <= secondsMax && nanos >= 0 && nanos <= nanosMax;
  if (!isTime) refuse(`${field} is not a time of the years 1 to 9999.`);
  return Number(seconds) * 1000 + Math.floor(nanos / 1e6);
}

/** The last position of a stream that an act is on; 0n: every position, Infinity. */
export function readSequenceMax(sequenceMax: bigint): number {
  return sequenceMax === 0n ? Infinity : Number(sequenceMax);
}

/** A reason is a line or a paragraph. */
const whyCharactersMax = 2_000;

/**
 * The reason for a discard or another act. Throws a ServiceError `invalid_request` if it is empty or too
 * long.
 */
export function readWhy(why: string, act = 'the event is given up'): string {
  if (why.trim() === '') refuse(`why is missing. Say why ${act}; it is kept.`);
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

/** Longer than any name that the gate accepts, in any of its forms. */
const eventNameCharactersMax = 1_000;

/** The name of an event in a filter, in the form in which names are stored; empty: every name. */
export function readEventName(eventName: string): string {
  if (eventName.length <= eventNameCharactersMax) return canonicalName(eventName);
  return refuse(
    `event_name has ${eventName.length} characters; at most ${eventNameCharactersMax} are accepted.`,
  );
}
