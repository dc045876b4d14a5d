import type { Measure } from './measures.ts';
import { median } from './script/median.ts';

/** One measure over all rounds. */
export interface Result {
  readonly name: string;
  /** The median of the rounds. */
  readonly ratio: number;
  readonly floor: number;
  readonly min: number;
  readonly max: number;
  readonly isLow: boolean;
  /** What was compared, for people. */
  readonly shown: string;
}

/** Ratios rounded to three places; a measure without a round has the ratio NaN and is low. */
export function resultOf({ name, floor, ratios, shown }: Measure): Result {
  const middle = median(ratios);
  const ratio = round(middle);
  return {
    name,
    ratio,
    floor,
    min: round(Math.min(...ratios)),
    max: round(Math.max(...ratios)),
    isLow: !(ratio >= floor),
    shown: shown[ratios.indexOf(middle)] ?? '',
  };
}

/** 1 when a measure is below its floor, or nothing was measured; else 0. */
export function exitCodeOf(results: readonly Result[]): number {
  return results.length === 0 || results.some(({ isLow }) => isLow) ? 1 : 0;
}

function round(value: number): number {
  return Number(value.toFixed(3));
}
