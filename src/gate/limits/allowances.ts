import type { SourceLimits } from '../../config/write-key.ts';
import { Allowance, dayMs, type Clocks } from './allowance.ts';

/** What one gate took of a source, as it says to the others. */
export interface SourceTaken {
  /** Since the gate started. */
  readonly events: number;
  /** On the day that the report names. */
  readonly bytes: number;
}

/** What one gate took. The numbers only grow, so that a lost report does no harm. */
export interface GateTaken {
  /** One start of a gate. */
  readonly gate: string;
  /** Days since 1970, UTC. */
  readonly day: number;
  readonly sources: Readonly<Record<string, SourceTaken>>;
}

/** How much of its limits a source uses. Undefined where it has none. */
export interface SourceUsage {
  readonly source: string;
  /** Events that it sent per second since the last call, as a part of its limit. */
  readonly rate: number | undefined;
  /** Bytes that it sent today, over all gates, as a part of its limit. */
  readonly day: number | undefined;
}

/** The allowances of all sources that have limits, of one gate: in its first process. */
export interface Allowances {
  /** The one of a source; a new one if the source is seen for the first time. */
  of(source: string, limits: SourceLimits): Allowance;
  /** What this gate took, for the others. */
  taken(gate: string): GateTaken;
  /** Counts what another gate took, or this one before its last start. */
  takenElsewhere(other: GateTaken): void;
  usage(): SourceUsage[];
}

/** What another gate said last, and when, in monotonic time. */
interface OtherGate {
  readonly taken: GateTaken;
  readonly heardAt: number;
}

export const systemClocks: Clocks = {
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
};

export function createAllowances(clocks: Clocks = systemClocks): Allowances {
  const bySource = new Map<string, Allowance>();
  const others = new Map<string, OtherGate>();
  const countedEvents = new Map<string, number>();
  let countedAt = clocks.monotonicMs();

  /** Counts the bytes of others anew: the clock may have left today and come back. */
  const startDay = (source: string, allowance: Allowance): void => {
    allowance.startDay();
    allowance.othersBytes = bytesOf(others, source, allowance.day);
  };
  return {
    of: (source, limits) => {
      let allowance = bySource.get(source);
      if (allowance === undefined) {
        allowance = new Allowance(limits, clocks);
        allowance.othersBytes = bytesOf(others, source, allowance.day);
        bySource.set(source, allowance);
      } else if (allowance.limits !== limits) allowance.useLimits(limits);
      return allowance;
    },
    taken: (gate) => {
      const sources: Record<string, SourceTaken> = {};
      let day = Math.floor(clocks.unixMs() / dayMs);
      for (const [source, allowance] of bySource) {
        startDay(source, allowance);
        ({ day } = allowance);
        const { takenEvents: events, takenBytes: bytes } = allowance;
        if (events > 0 || bytes > 0) sources[source] = { events, bytes };
      }
      return { gate, day, sources };
    },
    takenElsewhere: (other) => {
      const now = clocks.monotonicMs();
      forgetEnded(others, now);
      const known = others.get(other.gate)?.taken;
      others.set(other.gate, { taken: other, heardAt: now });
      for (const [source, allowance] of bySource) {
        startDay(source, allowance);
        // A gate that is heard for the first time may have taken all that it reports long ago.
        if (known === undefined) continue;
        const events = other.sources[source]?.events ?? 0;
        const added = events - (known.sources[source]?.events ?? 0);
        if (added > 0) allowance.takenElsewhere(added);
      }
    },
    usage: () => {
      const now = clocks.monotonicMs();
      const seconds = Math.max(1e-3, (now - countedAt) / 1000);
      countedAt = now;
      return [...bySource].map(([source, allowance]) => {
        startDay(source, allowance);
        const { eventsPerSecond, bytesPerDay } = allowance.limits;
        const { takenEvents, takenBytes } = allowance;
        const added = Math.max(0, takenEvents - (countedEvents.get(source) ?? 0));
        countedEvents.set(source, takenEvents);
        return {
          source,
          rate: eventsPerSecond === undefined ? undefined : added / seconds / eventsPerSecond,
          day:
            bytesPerDay === undefined
              ? undefined
              : (takenBytes + allowance.othersBytes) / bytesPerDay,
        };
      });
    },
  };
}

/** What other gates took of a source, also of one that was seen after their reports came. */
function bytesOf(others: ReadonlyMap<string, OtherGate>, source: string, day: number): number {
  let bytes = 0;
  for (const { taken } of others.values()) {
    if (taken.day === day) bytes += taken.sources[source]?.bytes ?? 0;
  }
  return bytes;
}

/**
 * A gate that reported nothing for a day has ended, and its last day is over. By monotonic time: a wrong
 * clock, of this gate or of another one, must not make this one forget what others took today.
 */
function forgetEnded(others: Map<string, OtherGate>, now: number): void {
  for (const [gate, { heardAt }] of others) if (now - heardAt > dayMs) others.delete(gate);
}
