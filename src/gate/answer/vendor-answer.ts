import type { Verdict } from '../../event/verdict.ts';
import { reply, type Exchange } from '../exchange.ts';
import { countVerdicts, restBatch, type VerdictCounts } from './verdict-json.ts';

const json = 'application/json';

export interface VendorOutcome {
  /** 200: every event has its verdict and none need be sent again. 503: send all of them again. */
  readonly status: 200 | 503;
  readonly counts: VerdictCounts;
}

/**
 * The outcome for a client that knows no partial success (ADR 24). As long as one event must be sent
 * again, the client sends the batch again, which is safe because of the keys. A rejected event is no
 * reason for that: sending it again cannot help, and a refused batch makes these clients delay or drop
 * the next.
 */
export function vendorOutcome(verdicts: readonly Verdict[]): VendorOutcome {
  const counts = countVerdicts(verdicts);
  return { status: counts.retry > 0 ? 503 : 200, counts };
}

/** Answers with the members that the vendor's own clients read, and the results of the contract. */
export function answerBatch(
  exchange: Exchange,
  verdicts: readonly Verdict[],
  own: (counts: VerdictCounts) => object,
): number {
  const { status, counts } = vendorOutcome(verdicts);
  const mine = JSON.stringify(own(counts)).slice(0, -1);
  replyJson(exchange, status, `${mine},${restBatch(verdicts, counts).slice(1)}`);
  return 0;
}

function replyJson(exchange: Exchange, status: number, body: string): void {
  const headers: Record<string, string> = { 'content-type': json };
  if (status === 503) headers['retry-after'] = '1';
  reply(exchange, status, headers, body);
}
