import { TokenBucket } from '../token-bucket.ts';
import { ConnectionError, errorCode } from './frames.ts';
import type { Http2Limits } from './limits.ts';

/** How many frames that ask for work a request pays for. */
const controlPerRequest = 8;

/**
 * Compares what a peer costs with what it contributes. Every method except those that earn throws a
 * ConnectionError (ENHANCE_YOUR_CALM) once a limit is exceeded. The limits are in limits.ts.
 */
export class Conduct {
  private readonly resets: TokenBucket;
  private readonly control: TokenBucket;
  private readonly empty: TokenBucket;
  private earnedBefore = 0;

  /** `patience`: the part of the budgets that the peer has (http/connections/flooders.ts). */
  constructor(limits: Http2Limits, patience = 1) {
    const now = performance.now();
    const budget = (burst: number, perSecond: number): TokenBucket =>
      new TokenBucket(burst * patience, perSecond * patience, now);
    this.resets = budget(limits.resetsBurst, limits.resetsPerSecond);
    this.control = budget(limits.controlFramesBurst, limits.controlFramesPerSecond);
    this.empty = budget(limits.emptyFramesBurst, limits.emptyFramesPerSecond);
  }

  requestBegun(): void {
    this.control.earn(controlPerRequest);
    this.empty.earn(controlPerRequest);
  }

  answerTaken(): void {
    this.resets.earn(1);
  }

  /** The peer caused a stream to end early. */
  countReset(): void {
    if (this.resets.take(1, performance.now())) return;
    throw new ConnectionError(errorCode.enhanceYourCalm, 'too many streams were reset');
  }

  /**
   * Counts frames that ask for work. `earned`: the total credit for sent bytes (sender.ts). `isEmpty`:
   * they carry nothing of a request.
   */
  spend(amount: number, earned: number, isEmpty: boolean): void {
    const more = earned - this.earnedBefore;
    this.earnedBefore = earned;
    this.control.earn(more);
    this.empty.earn(more);
    const now = performance.now();
    const isWithin = this.control.take(amount, now) && (!isEmpty || this.empty.take(amount, now));
    if (isWithin) return;
    throw new ConnectionError(errorCode.enhanceYourCalm, 'too many frames that bring nothing');
  }
}
