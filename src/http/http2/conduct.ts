import { Budget } from './budget.ts';
import { ConnectionError, errorCode } from './frames.ts';
import type { Http2Limits } from './limits.ts';

/** What a request is worth in frames that ask for work. */
const controlPerRequest = 8;

/**
 * What a peer costs against what it brings. Each method but those that earn throws a ConnectionError
 * (ENHANCE_YOUR_CALM) once it is too much: limits.ts says how much that is.
 */
export class Conduct {
  private readonly resets: Budget;
  private readonly control: Budget;
  private earnedBefore = 0;

  constructor(limits: Http2Limits) {
    const now = performance.now();
    this.resets = new Budget(limits.resetsBurst, limits.resetsPerSecond, now);
    this.control = new Budget(limits.controlFramesBurst, limits.controlFramesPerSecond, now);
  }

  requestBegun(): void {
    this.control.earn(controlPerRequest);
  }

  answerTaken(): void {
    this.resets.earn(1);
  }

  /** A stream ended before its time, because of the peer. */
  countReset(): void {
    if (this.resets.take(1, performance.now())) return;
    throw new ConnectionError(errorCode.enhanceYourCalm, 'too many streams were reset');
  }

  /** A frame that asks for work. `earned`: by all that was sent so far (sender.ts). */
  spend(amount: number, earned: number): void {
    this.control.earn(earned - this.earnedBefore);
    this.earnedBefore = earned;
    if (this.control.take(amount, performance.now())) return;
    throw new ConnectionError(errorCode.enhanceYourCalm, 'too many frames that bring nothing');
  }
}
