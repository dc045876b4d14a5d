/** Longer names are not typing errors, and get no suggestion. */
const nameLengthMax = 128;

/**
 * The most edits that still give a suggestion. It also bounds the work: the comparison covers only
 * a band of this width, so a name costs at most 128 × 7 steps for each candidate.
 */
const editsMax = 3;

/** The candidate that `name` was most likely meant to be; undefined if no candidate is near. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > nameLengthMax) return undefined;
  const wanted = snakeCase(name);
  // Short names are near everything: three edits turn `id` into any word of three letters.
  let limit = Math.min(editsMax, Math.floor(wanted.length / 3));
  let nearest: string | undefined;
  for (const candidate of candidates) {
    const target = snakeCase(candidate);
    if (target === wanted) return candidate;
    if (Math.abs(target.length - wanted.length) > limit) continue;
    const distance = editDistance(wanted, target, limit);
    if (distance > limit) continue;
    nearest = candidate;
    // Only a strictly nearer candidate replaces it.
    limit = distance - 1;
  }
  return nearest;
}

/** Normalises spellings: `OrderCompleted` and `order-completed` become `order_completed`. */
function snakeCase(name: string): string {
  return name
    .trim()
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[\s.:-]/g, '_')
    .toLowerCase();
}

/** Levenshtein distance, exact up to `limit`; beyond it, any number above `limit`. */
function editDistance(left: string, right: string, limit: number): number {
  const far = limit + 1;
  let previous = Int32Array.from({ length: right.length + 1 }, (_, column) => column);
  let current = new Int32Array(right.length + 1);
  for (let row = 1; row <= left.length; row++) {
    const start = Math.max(1, row - limit);
    const end = Math.min(right.length, row + limit);
    // The next cells read the cells on both sides of the band, which are beyond the limit.
    current[start - 1] = start === 1 ? row : far;
    let best = current[start - 1]!;
    for (let column = start; column <= end; column++) {
      const change = left.charCodeAt(row - 1) === right.charCodeAt(column - 1) ? 0 : 1;
      const above = column === row + limit ? far : previous[column]!;
      const aside = Math.min(above, current[column - 1]!) + 1;
      const cell = Math.min(previous[column - 1]! + change, aside);
      current[column] = cell;
      if (cell < best) best = cell;
    }
    if (best > limit) return far;
    [previous, current] = [current, previous];
  }
  return previous[right.length]!;
}
