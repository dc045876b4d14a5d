import { ServiceError } from '../../errors.ts';

/** Those that wait for another search of the same operator, such as that of a second window. */
const waitingMax = 4;

/**
 * Runs the searches of an operator one after another: a search reads thousands of events in this process.
 * Throws a ServiceError `too_many_searches` if more than four already wait, and the reason of the signal for
 * one whose caller left before its turn.
 */
export function createSearchTurns() {
  const waiting = new Map<string, { count: number; last: Promise<unknown> }>();
  return async <Result>(
    operator: string,
    signal: AbortSignal,
    search: () => Promise<Result>,
  ): Promise<Result> => {
    const line = waiting.get(operator) ?? { count: 0, last: Promise.resolve() };
    if (line.count > waitingMax) {
      const text = `${operator} has a search in work, and ${waitingMax} that wait for it.`;
      throw new ServiceError('too_many_searches', text);
    }
    const turn = line.last.then(() => {
      signal.throwIfAborted();
      return search();
    });
    line.count += 1;
    line.last = turn.catch(() => {});
    waiting.set(operator, line);
    try {
      return await turn;
    } finally {
      line.count -= 1;
      if (line.count === 0) waiting.delete(operator);
    }
  };
}
