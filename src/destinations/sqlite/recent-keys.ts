/** Keys of ids with the numbers of their rows, in memory: 24 to 48 bytes for each. */
export interface RecentKeys {
  readonly count: () => number;
  /** `number` is above the one that the table was made with, by less than 2^32. */
  add(key: number, number: number): void;
  /** The numbers of every row with that key. */
  find(key: number): readonly number[];
  /** The entries with keys from `low` up to but not including `high`, by key and number. */
  between(low: number, high: number): { readonly key: number; readonly number: number }[];
}

const none: readonly number[] = [];

/** @param below the number before the first row. */
export function createRecentKeys(below: number): RecentKeys {
  let keys = new Float64Array(1024);
  /** 0 for an empty slot. */
  let places = new Uint32Array(1024);
  let count = 0;

  const put = (key: number, place: number): void => {
    let slot = key % keys.length;
    while (places[slot] !== 0) slot = (slot + 1) % keys.length;
    keys[slot] = key;
    places[slot] = place;
  };
  const grow = (): void => {
    const [oldKeys, oldPlaces] = [keys, places];
    keys = new Float64Array(oldKeys.length * 2);
    places = new Uint32Array(oldKeys.length * 2);
    for (let slot = 0; slot < oldKeys.length; slot += 1) {
      if (oldPlaces[slot] !== 0) put(oldKeys[slot]!, oldPlaces[slot]!);
    }
  };

  return {
    count: () => count,
    add(key, number) {
      if (count * 2 >= keys.length) grow();
      put(key, number - below);
      count += 1;
    },
    find(key) {
      let slot = key % keys.length;
      if (places[slot] === 0) return none;
      const found: number[] = [];
      for (; places[slot] !== 0; slot = (slot + 1) % keys.length) {
        if (keys[slot] === key) found.push(below + places[slot]!);
      }
      return found;
    },
    between(low, high) {
      const found: { key: number; number: number }[] = [];
      for (let slot = 0; slot < keys.length; slot += 1) {
        const key = keys[slot]!;
        if (key >= low && key < high && places[slot] !== 0) {
          found.push({ key, number: below + places[slot]! });
        }
      }
      return found.sort((a, b) => a.key - b.key || a.number - b.number);
    },
  };
}
