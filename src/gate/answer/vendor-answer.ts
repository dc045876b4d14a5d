import { ServiceError } from '../../errors.ts';
import type { Verdict } from '../../event/verdict.ts';
import { reply, type Exchange } from '../exchange.ts';
import { unpackBody } from '../intake/read-body.ts';
import { countVerdicts, restBatch, type VerdictCounts } from './verdict-json.ts';

const json = 'application/json';

export interface VendorOutcome {
  /** 200: every event has its verdict and none need be sent again. 503: send all of them again. */
  readonly status: 200 | 503;
  readonly counts: VerdictCounts;
}

/**
 * What a client gets that knows no partial success (ADR 24): as long as one event must be sent again it
 * is told to send the batch again, which is safe because of the keys. A rejected event is no reason:
 * sending it again cannot help, and these clients let a refused batch hold up or take down the next.
 */
export function vendorOutcome(verdicts: readonly Verdict[]): VendorOutcome {
  const counts = countVerdicts(verdicts);
  return { status: counts.retry > 0 ? 503 : 200, counts };
}

/** The status, the members that the system's own clients look for, and the verdicts of the contract. */
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

export function replyJson(exchange: Exchange, status: number, body: string): void {
  const headers: Record<string, string> = { 'content-type': json };
  if (status === 503) headers['retry-after'] = '1';
  reply(exchange, status, headers, body);
}

/** The body, decompressed, where the door has a limit of its own below that of the gate. */
export function unpackWithin(
  exchange: Exchange,
  body: Buffer,
  gateBytesMax: number,
  endpointBytesMax: number,
): Buffer | Promise<Buffer> {
  const within = (message: Buffer): Buffer => {
    if (message.length <= endpointBytesMax) return message;
    throw new ServiceError(
      'request_too_large',
      `The body is ${message.length} bytes; the limit of this door is ${endpointBytesMax}, counted after ` +
        'decompression. Split it into smaller requests.',
    );
  };
  const message = unpackBody(exchange, body, gateBytesMax);
  return message instanceof Promise ? message.then(within) : within(message);
}
