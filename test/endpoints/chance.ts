/** Seeded randomness, as in test/property-seed.ts: FUZZ_SEED=<seed>, or `random`. */
export interface Chance {
  readonly seed: number;
  /** An integer from 0 up to, but not including, `bound`. */
  below(bound: number): number;
  pick<T>(values: readonly T[]): T;
  bytes(length: number): Buffer;
}

export function createChance(): Chance {
  const wanted = process.env['FUZZ_SEED'] ?? 20_260_301;
  const seed = wanted === 'random' ? Date.now() % 2 ** 31 : Number(wanted);
  // mulberry32: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    seed,
    below,
    pick: (values) => values[below(values.length)]!,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}
