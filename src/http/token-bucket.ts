/** A token bucket: allows a number of uses at once, and refills at a number per second. */
export class TokenBucket {
  private left: number;
  private readonly burst: number;
  private readonly perSecond: number;
  private filledAt: number;

  constructor(burst: number, perSecond: number, now: number) {
    this.left = burst;
    this.burst = burst;
    this.perSecond = perSecond;
    this.filledAt = now;
  }

  /** Spends the amount. Returns whether enough was left. `now` is a time of `performance.now()`. */
  take(amount: number, now: number): boolean {
    const earned = ((now - this.filledAt) / 1000) * this.perSecond;
    this.filledAt = now;
    this.left = Math.min(this.burst, this.left + earned) - amount;
    return this.left >= 0;
  }

  /** True if less than this part of the burst is left. */
  isBelow(part: number): boolean {
    return this.left < this.burst * part;
  }

  /** Credits the budget for work that is worth more than it costs. */
  earn(amount: number): void {
    this.left = Math.min(this.burst, this.left + amount);
  }
}

/** Addresses whose buckets are remembered. The one that was seen first is forgotten first. */
const addressesMax = 10_000;

/** Returns the bucket of an address, which is full when the address is seen for the first time. */
export function createAddressBuckets(
  burst: number,
  perSecond: number,
): (address: string, now: number) => TokenBucket {
  const buckets = new Map<string, TokenBucket>();
  return (address, now) => {
    let bucket = buckets.get(address);
    if (bucket === undefined) {
      if (buckets.size >= addressesMax) buckets.delete(buckets.keys().next().value!);
      bucket = new TokenBucket(burst, perSecond, now);
      buckets.set(address, bucket);
    }
    return bucket;
  };
}
