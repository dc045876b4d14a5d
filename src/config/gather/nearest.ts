/** The candidate with the fewest single-character edits from `word`; on a tie, the first. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance, one row at a time. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}

/**
 * The candidates that `word` may stand for, at most `count`, the likeliest first: those that it is a
 * part of in any case, then those with few edits.
 */
export function likely(word: string, candidates: readonly string[], count: number): string[] {
  const wanted = word.toLowerCase();
  const distanceMax = Math.max(2, Math.floor(wanted.length / 3));
  return candidates
    .map((candidate) => {
      const known = candidate.toLowerCase();
      const isPart = wanted !== '' && known.includes(wanted);
      return { candidate, distance: isPart ? 0 : editDistance(wanted, known) };
    })
    .filter(({ distance }) => distance <= distanceMax)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}
