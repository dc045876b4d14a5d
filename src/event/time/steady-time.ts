/**
 * The Unix time in ms of a clock that no step of the wall clock moves: what the wall clock said when
 * this thread started, plus the time since. For ages of what was stored with a time. Never show it to
 * people: if the clock was wrong at the start, it stays wrong.
 */
export function steadyTimeMs(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * How long ago a Unix time in ms was, in ms, never less than 0. The wall clock may have stepped since,
 * or before the time was taken, so this is the smaller of what both clocks say, and a clock for which
 * the time lies ahead does not count. It is never too large for one step of the wall clock.
 */
export function ageMs(timeMs: number): number {
  const ages = [Date.now() - timeMs, steadyTimeMs() - timeMs].filter((age) => age >= 0);
  return ages.length === 0 ? 0 : Math.min(...ages);
}
