/** The processes that are killed with `kill -9`. */
export type Victim = 'gate' | 'nats-server' | 'both';

export interface Chance {
  readonly seed: number;
  /** A number from `low` up to `high`. */
  between(low: number, high: number): number;
  shuffle<Item>(items: readonly Item[]): Item[];
}

/** HEADGATE_CRASH_SEED repeats the same moments, except for the timing of the machine itself. */
export function seededChance(): Chance {
  const named = process.env['HEADGATE_CRASH_SEED'];
  const seed = named === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(named);
  let state = seed;
  /** mulberry32 */
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    seed,
    between: (low, high) => low + next() * (high - low),
    shuffle: (items) => {
      const shuffled = [...items];
      for (let index = shuffled.length - 1; index > 0; index -= 1) {
        const other = Math.floor(next() * (index + 1));
        [shuffled[index], shuffled[other]] = [shuffled[other]!, shuffled[index]!];
      }
      return shuffled;
    },
  };
}
