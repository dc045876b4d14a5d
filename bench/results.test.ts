import { describe, expect, it } from 'vitest';

import { exitCodeOf, resultOf } from './results.ts';

const measure = (...ratios: number[]) =>
  resultOf({ name: 'rest', floor: 0.5, ratios, shown: ratios.map((ratio) => `shown ${ratio}`) });

describe('resultOf', () => {
  it('takes the median of the rounds, and what was shown in that round', () => {
    expect(measure(0.71239, 0.4, 0.9)).toEqual({
      name: 'rest',
      ratio: 0.712,
      floor: 0.5,
      min: 0.4,
      max: 0.9,
      isLow: false,
      shown: 'shown 0.71239',
    });
  });

  it('is low below the floor, and not at it', () => {
    expect(measure(0.5).isLow).toBe(false);
    expect(measure(0.499).isLow).toBe(true);
    expect(measure().isLow).toBe(true);
  });
});

describe('exitCodeOf', () => {
  it('is 0 when every measure reaches its floor', () => {
    expect(exitCodeOf([measure(0.5), measure(2)])).toBe(0);
  });

  it('is 1 when one does not, or nothing was measured', () => {
    expect(exitCodeOf([measure(0.6), measure(0.4)])).toBe(1);
    expect(exitCodeOf([])).toBe(1);
  });
});
