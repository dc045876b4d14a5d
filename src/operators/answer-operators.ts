import { Code, ConnectError } from '@connectrpc/connect';

import { errorEntry, ServiceError } from '../errors.ts';
import type { Signals } from '../observability/signals.ts';

/**
 * Does what an operator asks for, and says why not in the terms of the error table. Anything else is
 * told to the log; `describe` says what the operator hears of it, where it is not a fault of ours.
 */
export function answerOperators(
  who: string,
  signals: Pick<Signals, 'trouble'>,
  describe: (error: unknown) => ConnectError | undefined,
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
      throw describe(error) ?? new ConnectError(errorEntry('internal').text, Code.Internal);
    }
  };
}
