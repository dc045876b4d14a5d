/** Maps ids to positions in at most 32 bytes per id, for millions of ids. */
export interface IdTable {
  readonly count: () => number;
  /** `place` is above 0. It replaces the position of an id that is in the table already. */
  add(id: string, place: number): void;
  /**
   * Undefined if the id is absent. Two ids may share a digest of 53 bits; among two million ids
   * this happens in one of 4,000 tables. If that matters, check the entry at the position.
   */
  find(id: string): number | undefined;
}

const slotsMin = 1_024;

/**
 * Digests and positions, with open addressing.
 *
 * @param idsMax how many ids are expected; more make it grow.
 */
export function createIdTable(idsMax = 0): IdTable {
  const slots = Math.max(slotsMin, 2 ** Math.ceil(Math.log2(idsMax * 2 + 1)));
  let digests = new Float64Array(slots);
  let places = new Float64Array(slots);
  let count = 0;
  const slotOf = (digest: number): number => {
    let slot = digest % digests.length;
    while (places[slot] !== 0 && digests[slot] !== digest) slot = (slot + 1) % digests.length;
    return slot;
  };
  const put = (digest: number, place: number): void => {
    const slot = slotOf(digest);
    digests[slot] = digest;
    places[slot] = place;
  };
  const grow = (): void => {
    const [oldDigests, oldPlaces] = [digests, places];
    digests = new Float64Array(oldDigests.length * 2);
    places = new Float64Array(oldDigests.length * 2);
    for (const [slot, place] of oldPlaces.entries()) if (place !== 0) put(oldDigests[slot]!, place);
  };
  return {
    count: () => count,
    add: (id, place) => {
      if (count * 2 >= digests.length) grow();
      put(digestOf(id), place);
      count += 1;
    },
    find: (id) => places[slotOf(digestOf(id))] || undefined,
  };
}

/** 53 bits of FNV-1a in two halves: enough to distinguish ids, and a number. */
function digestOf(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x1b873593;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ (code + at), 0x85ebca6b);
  }
  return (high >>> 11) * 0x1_0000_0000 + (low >>> 0);
}
