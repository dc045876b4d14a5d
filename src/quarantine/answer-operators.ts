import { Code, ConnectError } from '@connectrpc/connect';

import { errorEntry, ServiceError } from '../errors.ts';
import { PublishError } from '../jetstream/publish-error.ts';
import type { Signals } from '../observability/signals.ts';

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

/** Does what an operator asks for, and says why not in the terms of the error table. */
export function answerOperators(
  who: string,
  signals: Signals,
): <Answer>(work: () => Promise<Answer>) => Promise<Answer> {
  return async (work) => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ConnectError) throw error;
      if (error instanceof ServiceError) {
        const { grpc, text } = errorEntry(error.code);
        throw new ConnectError(`${error.message} ${text}`, grpc);
      }
      signals.trouble(who, error);
      if (error instanceof PublishError) {
        const message = `The log did not take it (${error.fault}). Try again: nothing is stored twice.`;
        throw new ConnectError(message, Code.Unavailable);
      }
      throw new ConnectError(errorEntry('internal').text, Code.Internal);
    }
  };
}
