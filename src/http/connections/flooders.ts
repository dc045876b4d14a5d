import { createAddressBuckets } from '../token-bucket.ts';

/*
 * Remembers the addresses whose connections were cut off for frames that bring nothing. Their next
 * connections may send fewer of them: else whoever is cut off connects again and has a whole budget.
 */
export interface Flooders {
  /** A connection of this address was cut off. */
  add(address: string, now: number): void;
  /** The part of its budgets that a new connection of this address has: 1, 1/2, ... 1/16. */
  patience(address: string, now: number): number;
  /**
   * Counts frames that bring nothing, of all connections of the address that send many of them. Returns
   * false if they are too many together: a flood over many connections costs as much as one.
   */
  spend(address: string, frames: number, now: number): boolean;
}

/** An address is forgotten after this time without another cut. */
const rememberedMs = 60_000;
/** A connection with 1/16 of the default budget still begins as every client does, and works. */
const cutsMax = 4;
const addressesMax = 10_000;
/** Twice what one connection may send at once, and a second: 1.5 µs each. */
export const addressFramesBurst = 2000;
export const addressFramesPerSecond = 200;

export function createFlooders(): Flooders {
  /** The addresses in the order of their last cut. */
  const cuts = new Map<string, { count: number; at: number }>();
  const budgetOf = createAddressBuckets(addressFramesBurst, addressFramesPerSecond);
  const dropOld = (now: number): void => {
    for (const [address, { at }] of cuts) {
      if (now - at < rememberedMs && cuts.size <= addressesMax) return;
      cuts.delete(address);
    }
  };
  return {
    add: (address, now) => {
      const before = cuts.get(address);
      const isKnown = before !== undefined && now - before.at < rememberedMs;
      cuts.delete(address);
      cuts.set(address, { count: isKnown ? Math.min(before.count + 1, cutsMax) : 1, at: now });
      dropOld(now);
    },
    patience: (address, now) => {
      if (cuts.size === 0) return 1;
      dropOld(now);
      return 0.5 ** (cuts.get(address)?.count ?? 0);
    },
    spend: (address, frames, now) => {
      const budget = budgetOf(address, now);
      if (budget.take(frames, now)) return true;
      // Who is cut off for it is not counted again.
      budget.earn(frames);
      return false;
    },
  };
}
