import { Code, ConnectError } from '@connectrpc/connect';

import { PublishError } from '../jetstream/publish/publish-error.ts';

const pageSizeDefault = 100;
export const pageSizeMax = 500;

/** Throws a ConnectError beyond the limit. */
export function readPageSize(pageSize: number): number {
  if (pageSize <= pageSizeMax) return pageSize === 0 ? pageSizeDefault : pageSize;
  throw new ConnectError(
    `page_size is ${pageSize}; at most ${pageSizeMax} are told at a time.`,
    Code.InvalidArgument,
  );
}

/** What an operator hears where the log did not take something. */
export function notTaken(error: unknown): ConnectError | undefined {
  if (!(error instanceof PublishError)) return undefined;
  const message = `The log did not take it (${error.fault}). Try again: nothing is stored twice.`;
  return new ConnectError(message, Code.Unavailable);
}
