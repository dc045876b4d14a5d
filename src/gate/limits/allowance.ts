import type { SourceLimits } from '../../config/write-key.ts';
import type { SourceLimitName } from '../../observability/metrics.ts';

/** What a request asks for. */
export interface LimitAsk {
  readonly events: number;
  /** Of its message, inflated. Its events share them evenly. */
  readonly bytes: number;
  /** Its client knows one answer for the whole request: a part of it must not be taken. */
  readonly isWhole: boolean;
}

/** How much of a request may be taken. */
export interface Taken {
  /** Its first events, as many as these. */
  readonly events: number;
  /** Which limit kept the rest out. Undefined: all are taken. */
  readonly limit: SourceLimitName | undefined;
  /** In how many ms the rest may be sent, if nothing else is sent until then. A whole number. */
  readonly waitMs: number;
}

/** What was taken for later. Infinity where no limit applies. */
export interface Ahead {
  readonly events: number;
  readonly bytes: number;
  /** The day of the bytes. */
  readonly day: number;
}

/** The two clocks: `monotonicMs` of `performance.now()`, `unixMs` for the day. */
export interface Clocks {
  readonly monotonicMs: () => number;
  readonly unixMs: () => number;
}

export const dayMs = 86_400_000;

/**
 * Debts to other gates are forgiven beyond the burst and what is allowed in this time. Gates that did
 * not hear of each other for an hour must not refuse everything for the next one.
 */
const othersDebtMs = 10_000;

/** Rounding of doubles must not refuse an event that is due now. */
const tolerance = 1e-6;

/**
 * What one source may send: a token bucket of events, in monotonic time, and the bytes of a day of
 * UTC. Everything that is taken counts, whatever verdict it gets.
 *
 * A whole request may be larger than the burst. It is taken when the bucket is full, and leaves a debt:
 * otherwise it could never be taken, and clients would send it for ever.
 */
export class Allowance {
  limits: SourceLimits;
  /** All events taken, less what was given back. */
  takenEvents = 0;
  /** Bytes taken on `day`, less what was given back. */
  takenBytes = 0;
  /** The days since 1970. At most one ahead of the clock, where it went back. */
  day: number;
  /** Bytes that other gates took on `day`. */
  othersBytes = 0;
  private readonly clocks: Clocks;
  private level: number;
  private filledAt: number;
  /** Of the last request. */
  private lastEvents = 1;

  constructor(limits: SourceLimits, clocks: Clocks) {
    this.limits = limits;
    this.clocks = clocks;
    this.level = limits.burst ?? 0;
    this.filledAt = clocks.monotonicMs();
    this.day = Math.floor(clocks.unixMs() / dayMs);
  }

  /** Changes the limits. What was taken stays taken. */
  useLimits(limits: SourceLimits): void {
    this.fill();
    const before = this.limits;
    this.limits = limits;
    if (before.burst === undefined) this.level = limits.burst ?? 0;
    else this.level = Math.min(this.level, limits.burst ?? 0);
  }

  /** Takes as much of a request as is allowed now. */
  take(ask: LimitAsk): Taken {
    this.fill();
    // Bytes are counted without a limit, too, for the other gates, and then the day need not be exact.
    if (this.limits.bytesPerDay !== undefined) this.startDay();
    const { events, bytes, isWhole } = ask;
    this.lastEvents = events;
    let granted = this.eventsNow(ask);
    let limit: SourceLimitName | undefined = granted < events ? 'events_per_second' : undefined;
    if (this.limits.bytesPerDay !== undefined && bytes > this.bytesLeft()) {
      // Less than nothing is left where other gates took some at the same time, or the limit was lowered.
      const left = Math.max(0, this.bytesLeft());
      const fitting = isWhole ? 0 : Math.floor((left * events) / bytes);
      // As many: after the delay for events, the rest would find no bytes.
      if (fitting <= granted) {
        granted = fitting;
        limit = 'bytes_per_day';
      }
    }
    this.spend(granted, granted === events ? bytes : Math.ceil((bytes * granted) / events));
    if (limit === undefined) return { events: granted, limit, waitMs: 0 };
    const rest = events - granted;
    const waitMs = limit === 'bytes_per_day' ? this.msToNextDay() : this.msUntil(rest);
    return { events: granted, limit, waitMs };
  }

  /**
   * Why a request that is not yet decoded would get nothing. It has `events` events; undefined: one
   * at least, and the delay is for as many as the last request had.
   */
  refusal(events: number | undefined): Taken | undefined {
    // Time only adds to what was there: usually no clock need be read.
    if (this.hasSome()) return undefined;
    this.fill();
    this.startDay();
    if (this.limits.bytesPerDay !== undefined && this.bytesLeft() <= 0) {
      return { events: 0, limit: 'bytes_per_day', waitMs: this.msToNextDay() };
    }
    if (this.hasSome()) return undefined;
    const waitMs = this.msUntil(events ?? this.lastEvents);
    return { events: 0, limit: 'events_per_second', waitMs };
  }

  private hasSome(): boolean {
    const { eventsPerSecond, bytesPerDay } = this.limits;
    const hasEvents = eventsPerSecond === undefined || this.level >= 1 - tolerance;
    return hasEvents && (bytesPerDay === undefined || this.bytesLeft() > 0);
  }

  /** Whether a request of this size would be taken whole. */
  covers(events: number, bytes: number): boolean {
    this.fill();
    this.startDay();
    const { eventsPerSecond, bytesPerDay } = this.limits;
    if (bytesPerDay !== undefined && bytes > this.bytesLeft()) return false;
    return eventsPerSecond === undefined || this.level >= events - tolerance;
  }

  /** Takes for later: at most `part` of what is there, and what is allowed in `ms`. */
  takeAhead(part: number, ms: number): Ahead {
    const { eventsPerSecond, bytesPerDay } = this.limits;
    let events = Infinity;
    if (eventsPerSecond !== undefined) {
      events = Math.max(0, Math.floor(Math.min(this.level * part, (eventsPerSecond * ms) / 1000)));
    }
    let bytes = Infinity;
    if (bytesPerDay !== undefined) {
      bytes = Math.max(0, Math.floor(Math.min(this.bytesLeft() * part, bytesPerDay / 1000)));
    }
    this.spend(Number.isFinite(events) ? events : 0, Number.isFinite(bytes) ? bytes : 0);
    return { events, bytes, day: this.day };
  }

  /** Of what `takeAhead` took. */
  giveBack({ events, bytes, day }: Ahead): void {
    this.fill();
    this.startDay();
    if (Number.isFinite(events)) {
      this.takenEvents -= events;
      this.level = Math.min(this.limits.burst ?? 0, this.level + events);
    }
    // What was taken yesterday is no part of today. A later day is one that the clock took back.
    if (Number.isFinite(bytes) && day >= this.day) this.takenBytes -= bytes;
  }

  /** Another gate has taken these events. */
  takenElsewhere(events: number): void {
    const { eventsPerSecond, burst = 0 } = this.limits;
    if (eventsPerSecond === undefined) return;
    this.fill();
    const debtMax = burst + (eventsPerSecond * othersDebtMs) / 1000;
    this.level = Math.min(this.level, Math.max(-debtMax, this.level - events));
  }

  /**
   * Begins a new day if there is one: nothing is used of it. A clock that goes back by up to a day
   * begins none. One that goes back further was far ahead: waiting for the day that it showed would
   * refuse everything until then. What was taken meanwhile counts today.
   */
  startDay(): void {
    const day = Math.floor(this.clocks.unixMs() / dayMs);
    if (day === this.day || day === this.day - 1) return;
    if (day > this.day) this.takenBytes = 0;
    this.day = day;
    this.othersBytes = 0;
  }

  /** How many events could be taken at once, now. Negative: a debt. */
  eventsLeft(): number {
    this.fill();
    return this.level;
  }

  bytesLeft(): number {
    return (this.limits.bytesPerDay ?? Infinity) - this.takenBytes - this.othersBytes;
  }

  msToNextDay(): number {
    return Math.max(1, Math.ceil((this.day + 1) * dayMs - this.clocks.unixMs()));
  }

  private eventsNow({ events, isWhole }: LimitAsk): number {
    const { eventsPerSecond, burst } = this.limits;
    if (eventsPerSecond === undefined) return events;
    const left = this.level + tolerance;
    const granted = isWhole
      ? left >= Math.min(events, burst!)
        ? events
        : 0
      : Math.max(0, Math.min(events, Math.floor(left)));
    return granted;
  }

  /** How long until this many events may be sent, or the burst, if they are more. */
  private msUntil(events: number): number {
    const { eventsPerSecond = 1, burst = 1 } = this.limits;
    const missing = Math.min(events, burst) - this.level;
    return Math.max(1, Math.ceil((missing * 1000) / eventsPerSecond - tolerance));
  }

  private spend(events: number, bytes: number): void {
    this.takenEvents += events;
    this.level -= events;
    this.takenBytes += bytes;
  }

  private fill(): void {
    const { eventsPerSecond, burst } = this.limits;
    if (eventsPerSecond === undefined) return;
    const now = this.clocks.monotonicMs();
    const earned = ((now - this.filledAt) * eventsPerSecond) / 1000;
    this.filledAt = now;
    if (this.level < burst!) this.level = Math.min(burst!, this.level + earned);
  }
}
