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
  private earnedBefore = 0;

  constructor(limits: Http2Limits) {
    const now = performance.now();
    this.resets = new TokenBucket(limits.resetsBurst, limits.resetsPerSecond, now);
    this.control = new TokenBucket(limits.controlFramesBurst, limits.controlFramesPerSecond, now);
  }

  requestBegun(): void {
    this.control.earn(controlPerRequest);
  }

  answerTaken(): void {
    this.resets.earn(1);
  }

  /** The peer caused a stream to end early. */
  countReset(): void {
    if (this.resets.take(1, performance.now())) return;
    throw new ConnectionError(errorCode.enhanceYourCalm, 'too many streams were reset');
  }

  /** Counts frames that ask for work. `earned`: the total credit for sent bytes (sender.ts). */
  spend(amount: number, earned: number): void {
    this.control.earn(earned - this.earnedBefore);
    this.earnedBefore = earned;
    if (this.control.take(amount, performance.now())) return;
    throw new ConnectionError(errorCode.enhanceYourCalm, 'too many frames that bring nothing');
  }
}
