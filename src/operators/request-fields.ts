import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';

import { ServiceError } from '../errors.ts';

const pageSizeDefault = 100;
const pageSizeMaxDefault = 500;

/** How many entries a page may have. Throws a ServiceError `invalid_request` beyond the limit. */
export function readPageSize(pageSize: number, pageSizeMax = pageSizeMaxDefault): number {
  if (pageSize <= pageSizeMax) return pageSize === 0 ? pageSizeDefault : pageSize;
  return refuse(`page_size is ${pageSize}; at most ${pageSizeMax} are answered at a time.`);
}

export interface TimeBounds {
  /** Milliseconds since 1970; 0: from the beginning. */
  readonly sinceMs: number;
  /** Infinity: to the end. */
  readonly untilMs: number;
}

/** The times between which a request looks. */
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

/** Throws a ServiceError `invalid_request`. `message` names the field and what it takes. */
export function refuse(message: string): never {
  throw new ServiceError('invalid_request', message);
}
