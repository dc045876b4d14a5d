/** Which messages of a stream are old enough to be deleted, without trust in the wall clock. */
export interface StreamAges {
  /** Takes note that the stream ends at this position now. */
  note(lastSequence: number): void;
  /** Everything up to this position is older than the retention, by the monotonic clock. */
  oldUpTo(): number;
  /** The last position that was there at the first note: only stored times tell the age of these. */
  foundUpTo(): number;
}

/** How many notes are kept: a position is known to be old by this part of the retention late. */
const notesMax = 1_000;

/**
 * A message that was stored while this process runs is as old as the note that first covers it. So no
 * step of the wall clock makes the janitor delete it early, whichever clock has stepped.
 */
export function createStreamAges(
  retentionMs: number,
  now: () => number = () => performance.now(),
): StreamAges {
  const notes: { readonly atMs: number; readonly last: number }[] = [];
  let found: number | undefined;
  let old = 0;
  return {
    note: (last) => {
      found ??= last;
      const atMs = now();
      const latest = notes.at(-1);
      if (latest === undefined || atMs - latest.atMs >= retentionMs / notesMax) {
        notes.push({ atMs, last });
      }
      while (notes[0] !== undefined && atMs - notes[0].atMs >= retentionMs) {
        old = notes.shift()!.last;
      }
    },
    oldUpTo: () => old,
    foundUpTo: () => found ?? 0,
  };
}

/** Returns the ages of a stream of NATS, from its first use on. */
export function createAgesByStream(): (stream: string, retentionMs: number) => StreamAges {
  const byStream = new Map<string, StreamAges>();
  return (stream, retentionMs) => {
    const ages = byStream.get(stream) ?? createStreamAges(retentionMs);
    byStream.set(stream, ages);
    return ages;
  };
}
