import type { ServiceError } from '../errors.ts';
import { failureOfError } from './answer/failure.ts';
import { problem } from './answer/problem.ts';
import type { Exchange } from './exchange.ts';
import type { GateContext } from './gate-context.ts';
import { refusalMs, runInTurn } from './intake/run-in-turn.ts';

/**
 * Does what needs no key, such as a refusal before an endpoint is known. It is paid from the time for keyless
 * requests, unless the last request of the connection had a valid key.
 */
export function answerInTurn(
  { callers }: GateContext,
  { call }: Exchange,
  answer: () => void,
): void {
  if (call.connection.isKnown === true) answer();
  else runInTurn(callers, call, { costMs: refusalMs, run: answer, lose: answer });
}

/** Refuses with a problem. `allow`: the methods of the path, for a 405. */
export function refuseInTurn(
  context: GateContext,
  exchange: Exchange,
  error: ServiceError,
  allow?: string,
): void {
  answerInTurn(context, exchange, () => {
    problem(exchange, failureOfError(error), undefined, allow);
  });
}
