import type { Verdict } from '../../event/verdict.ts';
import { reply, type Exchange } from '../exchange.ts';
import { failureOfVerdict } from './failure.ts';
import { problem } from './problem.ts';
import { restResult } from './verdict-json.ts';

/**
 * `Endpoint.answer` for a request with one event: 202 with its result, or the failure as a problem.
 * Returns the gRPC status code, for the metric.
 */
export function answerEvent(
  exchange: Exchange,
  _call: unknown,
  verdicts: readonly Verdict[],
): number {
  const verdict = verdicts[0]!;
  const failure = failureOfVerdict(verdict);
  if (failure !== undefined) return problem(exchange, failure, verdict);
  reply(exchange, 202, { 'content-type': 'application/json' }, restResult(verdict));
  return 0;
}
