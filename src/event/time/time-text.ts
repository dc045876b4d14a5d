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

/** Year 0001 to 9999: what google.protobuf.Timestamp can say. */
const firstTimeMs = Date.parse('0001-01-01T00:00:00.000Z');
const lastPossibleMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** A producer's time, in its one form (see `readTime`); undefined outside the years 1 to 9999. */
export function timeOfNanos(timeMs: number, nanosBelowMs = 0): string | undefined {
  if (!(timeMs >= firstTimeMs && timeMs <= lastPossibleMs)) return undefined;
  const text = new Date(timeMs).toISOString();
  if (nanosBelowMs === 0) return text;
  const digits = String(nanosBelowMs).padStart(6, '0');
  return `${text.slice(0, -1)}${digits.endsWith('000') ? digits.slice(0, 3) : digits}Z`;
}

const timePattern =
  /^\d{4}-\d{2}-\d{2}[Tt](?:[01]\d|2[0-3]):\d{2}:\d{2}(?:\.(\d{1,9}))?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/**
 * Reads an RFC 3339 time. Undefined if it is not one.
 *
 * A time has one form, however it was sent, so that the times of two copies can be compared: UTC, with
 * 3, 6 or 9 digits of a second, as few as hold it. ProtoJSON writes a Timestamp in this way.
 */
export function readTime(text: string): string | undefined {
  if (isInForm.test(text)) return text;
  const match = timePattern.exec(text);
  if (match === null || !isDay(text.slice(0, 10))) return undefined;
  const fraction = match[1];
  const nanosBelowMs =
    fraction === undefined || fraction.length <= 3 ? 0 : Number(fraction.slice(3).padEnd(6, '0'));
  // V8 drops the digits below a millisecond.
  return timeOfNanos(Date.parse(text.toUpperCase()), nanosBelowMs);
}

/** What `timeText` writes, and so most times: milliseconds in UTC. Not the 29th of February, which is looked at. */
const isInForm =
  /^(?!0000)\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

/** V8 takes the 31st of February for the 3rd of March. */
function isDay(date: string): boolean {
  const day = Number(date.slice(8));
  return day <= 28 || new Date(Date.parse(date)).getUTCDate() === day;
}

/** Below this a number counts seconds, until the year 5138; from it milliseconds, after 1973. */
const secondsMax = 1e11;

/**
 * Reads a time that is a number: seconds or milliseconds since 1970, with the digits of its text down to
 * nanoseconds. Undefined if it is outside the years 1 to 9999.
 *
 * @param source from `canonicalNumber`.
 */
export function readTimeNumber(source: string): string | undefined {
  const match = /^(-?)(\d{1,16})(?:\.(\d+))?$/.exec(source);
  if (match === null) return undefined;
  const [, sign, whole, fraction = ''] = match;
  const places = Number(whole) < secondsMax ? 9 : 6;
  const size = BigInt(`${whole}${fraction.slice(0, places).padEnd(places, '0')}`);
  const nanos = sign === '-' ? -size : size;
  const nanosBelowMs = ((nanos % nanosInMs) + nanosInMs) % nanosInMs;
  return timeOfNanos(Number((nanos - nanosBelowMs) / nanosInMs), Number(nanosBelowMs));
}

const nanosInMs = 1_000_000n;
