import { colon, dot, isDigit, minus, powersOfTen, zero } from '../../event/json/json-codes.ts';

/** What `readUtc` has read. */
export const utc = { ms: 0, nanosBelowMs: 0 };

const dayMs = 86_400_000;
const dateLength = '2026-03-01'.length;
const secondsLength = '2026-03-01T12:00:00'.length;
/** Nanoseconds of 64 bits end in 2262, and earlier than 1970 they are negative. */
const [yearMin, yearMax] = [1970, 2261];
const [upperT, upperZ] = [0x54, 0x5a];
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads a time as most are: RFC 3339 in UTC, with up to 9 digits of a second, in the years 1970 to 2261. False for
 * everything else, also for times in another form.
 */
export function readUtc(bytes: Uint8Array, start: number, end: number): boolean {
  const day = readDay(bytes, start);
  const at = start + dateLength;
  if (day === -1 || bytes[at] !== upperT || bytes[end - 1] !== upperZ) return false;
  const hour = two(bytes, at + 1);
  const minute = two(bytes, at + 4);
  const second = two(bytes, at + 7);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
  if (bytes[at + 3] !== colon || bytes[at + 6] !== colon) return false;
  const nanos = fractionOf(bytes, start + secondsLength, end - 1);
  if (nanos === -1) return false;
  const ms = Math.floor(nanos / 1e6);
  utc.ms = day * dayMs + ((hour * 60 + minute) * 60 + second) * 1000 + ms;
  utc.nanosBelowMs = nanos - ms * 1e6;
  return true;
}

/** The nanoseconds of what is between a second and the `Z`, or -1. */
function fractionOf(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return 0;
  const digits = end - start - 1;
  if (bytes[start] !== dot || digits < 1 || digits > 9) return -1;
  let nanos = 0;
  for (let at = start + 1; at < end; at += 1) {
    if (!isDigit(bytes[at]!)) return -1;
    nanos = nanos * 10 + bytes[at]! - zero;
  }
  return nanos * powersOfTen[9 - digits]!;
}

/** The day of `2026-03-01` since 1970, or -1 outside of the years 1970 to 2261. */
export function readDay(bytes: Uint8Array, start: number): number {
  if (bytes[start + 4] !== minus || bytes[start + 7] !== minus) return -1;
  const high = two(bytes, start);
  const low = two(bytes, start + 2);
  const month = two(bytes, start + 5);
  const day = two(bytes, start + 8);
  const year = high * 100 + low;
  if (high < 0 || low < 0 || year < yearMin || year > yearMax) return -1;
  if (month < 1 || month > 12 || day < 1) return -1;
  if (day > monthDays[month - 1]! && !(month === 2 && day === 29 && isLeap(year))) return -1;
  // Years begin in March, so that the day of a leap year is the last one.
  const from = month > 2 ? year : year - 1;
  const days = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return from * 365 + leapDays(from) + days - daysBefore1970;
}

/** From the 1st of March of the year 0, which `readDay` counts from, to 1970. */
const daysBefore1970 = 719_468;

function leapDays(year: number): number {
  return Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / 400);
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Two digits, or a number below zero. */
function two(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]!;
  const ones = bytes[at + 1]!;
  return isDigit(tens) && isDigit(ones) ? (tens - zero) * 10 + ones - zero : -1;
}
