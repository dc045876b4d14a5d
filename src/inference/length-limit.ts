/** Room for four times what was seen, as `least` times a power of four; undefined beyond `max`. */
export function lengthLimit(seen: number, least: number, max: number): number | undefined {
  let limit = least;
  while (limit < seen * 4) limit *= 4;
  return limit > max ? undefined : limit;
}
