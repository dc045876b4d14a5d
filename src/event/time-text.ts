let lastTimeMs = Number.NaN;
let lastText = '';

/**
 * Milliseconds since 1970 as RFC 3339, UTC, with milliseconds. The server's clock is written twice
 * for every event, and events come by the hundred in a millisecond: the last text is kept.
 */
export function timeText(timeMs: number): string {
  if (timeMs !== lastTimeMs) {
    lastText = new Date(timeMs).toISOString();
    lastTimeMs = timeMs;
  }
  return lastText;
}
