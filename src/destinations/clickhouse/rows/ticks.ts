const dayMs = 86_400_000;

/** A number of 64 bits with a sign, as `readTicks` leaves it. */
export interface Ticks {
  /** The lower 32 bits, without a sign. */
  low: number;
  high: number;
}

/** The result of `readTicks`. Reused: it is called several times for each row. */
export const ticks: Ticks = { low: 0, high: 0 };

let lastText = '';
let lastDigits = 0;

/**
 * The parts of a second since 1970 at a time from `readTime`, into `ticks`. Many events of a batch have the
 * same time, and each has it twice.
 *
 * @param digits of a second.
 */
export function readTicks(text: string, digits: 3 | 9): void {
  if (text === lastText && digits === lastDigits) return;
  lastText = text;
  lastDigits = digits;
  const seconds = epochDay(text, 0) * (dayMs / 1000) + secondOfDay(text);
  const fraction = fractionOf(text, digits);
  // In two steps, each of which a double holds: 2^16 seconds at a time.
  const perSecond = digits === 3 ? 1e3 : 1e9;
  const above = Math.floor(seconds / 0x1_0000);
  const upper = above * perSecond;
  const lower = (seconds - above * 0x1_0000) * perSecond + fraction;
  const carried = Math.floor(upper / 0x1_0000);
  const rest = (upper - carried * 0x1_0000) * 0x1_0000 + lower;
  ticks.low = rest >>> 0;
  ticks.high = carried + Math.floor(rest / 2 ** 32);
}

/** Days since 1970 of the date that begins a text, by the calendar that RFC 3339 uses for all years. */
export function epochDay(text: string, at: number): number {
  const month = numberAt(text, at + 5, 2);
  const day = numberAt(text, at + 8, 2);
  // A year that begins in March, so that a leap day is its last.
  const year = numberAt(text, at, 4) - (month <= 2 ? 1 : 0);
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const leapDays = Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / 400);
  return year * 365 + leapDays + dayOfYear - daysBefore1970;
}

/** From the 1st of March of the year 0. */
const daysBefore1970 = 719_468;

function secondOfDay(text: string): number {
  return numberAt(text, 11, 2) * 3600 + numberAt(text, 14, 2) * 60 + numberAt(text, 17, 2);
}

const pointAt = 19;

/** The digits after the point, as many as the column has. */
function fractionOf(text: string, digits: number): number {
  let value = 0;
  for (let index = 0; index < digits; index += 1) {
    const digit = text.charCodeAt(pointAt + 1 + index) - zero;
    value = value * 10 + (digit >= 0 && digit <= 9 ? digit : 0);
  }
  return value;
}

const zero = 0x30;

function numberAt(text: string, at: number, length: number): number {
  let value = 0;
  for (let index = at; index < at + length; index += 1) {
    value = value * 10 + (text.charCodeAt(index) - zero);
  }
  return value;
}
