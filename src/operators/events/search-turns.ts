import { ServiceError } from '../../errors.ts';
import { createTurns, type Turns } from '../turns.ts';

/** Those that wait for another search of the same operator, such as that of a second window. */
const waitingMax = 4;

/**
 * Runs the searches of an operator one after another: a search reads thousands of events in this process.
 * Throws a ServiceError `too_many_searches` if more than four already wait, and the reason of the signal for
 * one whose caller left before its turn.
 */
export function createSearchTurns() {
  const byOperator = new Map<string, Turns>();
  return async <Result>(
    operator: string,
    signal: AbortSignal,
    search: () => Promise<Result>,
  ): Promise<Result> => {
    const text = `${operator} has a search in work, and ${waitingMax} that wait for it.`;
    const turns =
      byOperator.get(operator) ??
      createTurns(waitingMax, () => new ServiceError('too_many_searches', text));
    byOperator.set(operator, turns);
    try {
      return await turns.take(signal, search);
    } finally {
      if (turns.isEmpty()) byOperator.delete(operator);
    }
  };
}
