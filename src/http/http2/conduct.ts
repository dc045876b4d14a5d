import { TokenBucket } from '../token-bucket.ts';
import { ConnectionError, errorCode } from './frames.ts';
import type { Http2Limits } from './limits.ts';

/** How many frames that ask for work a request pays for. */
const controlPerRequest = 8;

/**
 * A connection that has this part of its budget left sends nothing unusual. Below it, its address pays,
 * too.
 */
const usualPart = 15 / 16;

/** What a connection may send, by its address: http/connections/flooders.ts. */
export interface Standing {
  /** The part of the budgets that the connection has. */
  readonly patience: number;
  /** Counts frames that bring nothing among those of the address. False: too many. */
  spend(frames: number): boolean;
}

const goodStanding: Standing = { patience: 1, spend: () => true };

/**
 * Compares what a peer costs with what it contributes. Every method except those that earn throws a
 * ConnectionError (ENHANCE_YOUR_CALM) once a limit is exceeded. The limits are in limits.ts.
 */
export class Conduct {
  private readonly resets: TokenBucket;
  private readonly control: TokenBucket;
  private readonly empty: TokenBucket;
  private readonly standing: Standing;
  private earnedBefore = 0;

  constructor(limits: Http2Limits, standing: Standing = goodStanding) {
    const now = performance.now();
    const { patience } = standing;
    this.standing = standing;
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
    const isWithin = this.control.take(amount, now) && (!isEmpty || this.takeEmpty(amount, now));
    if (isWithin) return;
    throw new ConnectionError(errorCode.enhanceYourCalm, 'too many frames that bring nothing');
  }
  private takeEmpty(amount: number, now: number): boolean {
    const { empty, standing } = this;
    if (!empty.take(amount, now)) return false;
    return !empty.isBelow(usualPart) || standing.spend(amount);
  }
}
