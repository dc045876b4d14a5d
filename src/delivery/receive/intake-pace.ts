/** So few messages a second do not notice that the event loop is held up a little longer. */
const quietMax = 100;
const windowMs = 1_000;

/**
 * Whether this process takes events just now: whether it has published more than 100 messages in the
 * current second, or at more than that rate in the one before. Seconds begin with the first question
 * after the last one has ended.
 */
export function createIntakePace(
  published: () => number,
  now: () => number = () => performance.now(),
): () => boolean {
  let startedAt = now();
  let atStart = published();
  let wasBusy = true;
  return () => {
    const at = now();
    const count = published() - atStart;
    const elapsedMs = at - startedAt;
    if (elapsedMs < windowMs) return wasBusy || count > quietMax;
    wasBusy = (count * 1_000) / elapsedMs > quietMax;
    startedAt = at;
    atStart = published();
    return wasBusy;
  };
}
