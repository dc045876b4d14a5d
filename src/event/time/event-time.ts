import { timeOfNanos } from './time-text.ts';

/** How far ahead of ours a producer's clock may be. */
export const futureMaxMs = 5 * 60_000;

/** An older time is that of a clock that lost its date, unless the request says that it imports. */
export const ageMaxYears = 5;

/**
 * A clock's error is corrected in steps of this size, and less than half of a step is no error: it is
 * the time that a request takes, which differs on each attempt. So two copies have the same time.
 */
const correctionStepMs = 10_000;

/** What the times of all events of a request depend on, beside their own. */
export interface RequestClock {
  /** When the gate received the request: RFC 3339, UTC, milliseconds. */
  readonly receivedAt: string;
  readonly receivedMs: number;
  /** By how much the producer's clock is behind ours, in ms. */
  readonly correctionMs: number;
  /** The request imports events of the past. */
  readonly historical: boolean;
}

/** The times of an event that its protocol has of its own. */
export interface OwnClock {
  /** How long ago it happened when it was received, in ms, where it has no time. */
  readonly agoMs?: number;
  /** `sentAt` says nothing about the clock that the event's time is from. */
  readonly exact?: boolean;
  /** The time that another gate gave the event: RFC 3339, UTC. It stays. */
  readonly eventTime?: string;
}

/**
 * @param receivedAt the text of `receivedMs`, from `timeText`.
 * @param sentAt the producer's clock when it sent the request, RFC 3339; empty if it did not say.
 */
export function requestClock(
  receivedAt: string,
  receivedMs: number,
  sentAt: string,
  historical: boolean,
): RequestClock {
  // The times of an import come from records, not from the clock of the program that sends them.
  const correctionMs = sentAt === '' || historical ? 0 : correctionOf(receivedMs, sentAt);
  return { receivedAt, receivedMs, correctionMs, historical };
}

function correctionOf(receivedMs: number, sentAt: string): number {
  return Math.round((receivedMs - Date.parse(sentAt)) / correctionStepMs) * correctionStepMs;
}

/**
 * When an event happened: RFC 3339, UTC, with 3, 6 or 9 digits of a second. By the producer's clock if
 * the event has a time and the time is credible, else when it was received. A usual time is compared as
 * text and not parsed: this is the hot path.
 *
 * @param occurredAt from `readTime`; empty if the producer sent none.
 */
export function eventTimeOf(
  occurredAt: string,
  clock: RequestClock,
  own: OwnClock | undefined,
): string {
  if (own?.eventTime !== undefined) return own.eventTime;
  const { receivedAt, receivedMs, correctionMs } = clock;
  let time = occurredAt;
  if (time === '') {
    if (own?.agoMs === undefined) return receivedAt;
    time = timeOfNanos(receivedMs - own.agoMs) ?? receivedAt;
  } else if (correctionMs !== 0 && own?.exact !== true) {
    time = shifted(time, correctionMs) ?? receivedAt;
  }
  return isCredible(time, clock) ? time : receivedAt;
}

function shifted(time: string, byMs: number): string | undefined {
  const belowMs = time.slice('2026-03-01T12:00:00.000'.length, -1);
  const nanosBelowMs = belowMs === '' ? 0 : Number(belowMs.padEnd(6, '0'));
  return timeOfNanos(Date.parse(time) + byMs, nanosBelowMs);
}

function isCredible(time: string, { receivedAt, receivedMs, historical }: RequestClock): boolean {
  if (time > receivedAt) {
    const latest = new Date(receivedMs + futureMaxMs).toISOString();
    return isUpTo(time, latest);
  }
  if (historical || time.slice(0, 4) === receivedAt.slice(0, 4)) return true;
  const year = String(Number(receivedAt.slice(0, 4)) - ageMaxYears).padStart(4, '0');
  return isUpTo(year + receivedAt.slice(4), time);
}

/** Without the Z, which is larger than any digit: a time with fewer digits would be the later one. */
function isUpTo(time: string, limit: string): boolean {
  return time.slice(0, -1) <= limit.slice(0, -1);
}
