/** A browser that is less wrong than this keeps its own clock: `Date` has whole seconds, and answers take time. */
const toleratedMs = 30_000;

let aheadMs = 0;

/** Compares the clock of this device with that of the service, by the time of an answer. */
export function learnClock({ headers }: Pick<Response, 'headers'>): void {
  const ms = Date.parse(headers.get('date') ?? '');
  if (Number.isNaN(ms)) return;
  const ahead = Date.now() - ms;
  aheadMs = Math.abs(ahead) < toleratedMs ? 0 : ahead;
}

/** The time of the service, as a Unix time in ms: the times of events are its, whatever this device says. */
export function serviceNowMs(): number {
  return Date.now() - aheadMs;
}
