let lastTimeMs = Number.NaN;
let lastText = '';

/**
 * Milliseconds since 1970 as RFC 3339, UTC, with milliseconds. Every event has the server's time
 * twice, and hundreds of events share a millisecond, so the last text is cached.
 */
export function timeText(timeMs: number): string {
  if (timeMs !== lastTimeMs) {
    lastText = new Date(timeMs).toISOString();
    lastTimeMs = timeMs;
  }
  return lastText;
}
