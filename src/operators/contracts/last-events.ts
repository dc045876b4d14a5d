/** How many look-ups run at once. */
const lookupsMax = 16;

/**
 * When the newest event of each name was stored, as a Unix time in ms; undefined if the log holds none.
 * Rejects when the log cannot be reached.
 */
export async function findLastEvents(
  names: Iterable<string>,
  lastEventAtMs: (name: string) => Promise<number | undefined>,
): Promise<ReadonlyMap<string, number | undefined>> {
  const times = new Map<string, number | undefined>();
  // All take from one iterator.
  const waiting = [...names].values();
  const lookUp = async (): Promise<void> => {
    for (const name of waiting) times.set(name, await lastEventAtMs(name));
  };
  await Promise.all(Array.from({ length: lookupsMax }, lookUp));
  return times;
}
