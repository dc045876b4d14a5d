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

export const systemClocks: Clocks = {
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
};

export function createAllowances(clocks: Clocks = systemClocks): Allowances {
  const bySource = new Map<string, Allowance>();
  const others = new Map<string, GateTaken>();
  const countedEvents = new Map<string, number>();
  let countedAt = clocks.monotonicMs();

  /** Also of sources that were seen after the report came. */
  const othersBytes = (source: string, day: number): number => {
    let bytes = 0;
    for (const other of others.values()) {
      if (other.day === day) bytes += other.sources[source]?.bytes ?? 0;
    }
    return bytes;
  };
  return {
    of: (source, limits) => {
      let allowance = bySource.get(source);
      if (allowance === undefined) {
        allowance = new Allowance(limits, clocks);
        allowance.othersBytes = othersBytes(source, allowance.day);
        bySource.set(source, allowance);
      } else if (allowance.limits !== limits) allowance.useLimits(limits);
      return allowance;
    },
    taken: (gate) => {
      const sources: Record<string, SourceTaken> = {};
      // Also before its first event: a report of an earlier day would be forgotten by those who hear it.
      let day = Math.floor(clocks.unixMs() / dayMs);
      for (const [source, allowance] of bySource) {
        allowance.startDay();
        ({ day } = allowance);
        const { takenEvents: events, takenBytes: bytes } = allowance;
        if (events > 0 || bytes > 0) sources[source] = { events, bytes };
      }
      return { gate, day, sources };
    },
    takenElsewhere: (other) => {
      const known = others.get(other.gate);
      others.set(other.gate, other);
      for (const [source, allowance] of bySource) {
        allowance.startDay();
        allowance.othersBytes = othersBytes(source, allowance.day);
        // A gate that is heard for the first time may have taken all that it reports long ago.
        if (known === undefined) continue;
        const events = other.sources[source]?.events ?? 0;
        const added = events - (known.sources[source]?.events ?? 0);
        if (added > 0) allowance.takenElsewhere(added);
      }
      forgetOld(others, other.day);
    },
    usage: () => {
      const now = clocks.monotonicMs();
      const seconds = Math.max(1e-3, (now - countedAt) / 1000);
      countedAt = now;
      return [...bySource].map(([source, allowance]) => {
        allowance.startDay();
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

/** A gate that reported nothing for two days has ended. */
function forgetOld(others: Map<string, GateTaken>, day: number): void {
  for (const [gate, other] of others) if (other.day < day - 1) others.delete(gate);
}
