/** The second that `text` shows, in ms of `Date.now()`. */
let secondMs = -1;
let text = '';

/**
 * The current time in the format of the `date` field (RFC 9110 §5.6.7). Formatted once a second, as
 * in Node: saves 0.6 µs an answer.
 */
export function currentDate(): string {
  const now = Date.now();
  const second = now - (now % 1000);
  if (second !== secondMs) {
    secondMs = second;
    text = new Date(now).toUTCString();
  }
  return text;
}
