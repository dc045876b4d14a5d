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
  const others = createOtherGates();
  const countedEvents = new Map<string, number>();
  let countedAt = clocks.monotonicMs();

  /** Counts the bytes of others anew: the clock may have left today and come back. */
  const startDay = (source: string, allowance: Allowance): void => {
    allowance.startDay();
    allowance.othersBytes = others.bytesOf(source, allowance.day);
  };
  return {
    of: (source, limits) => {
      let allowance = bySource.get(source);
      if (allowance === undefined) {
        allowance = new Allowance(limits, clocks);
        allowance.othersBytes = others.bytesOf(source, allowance.day);
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
      const known = others.hear(other, clocks.monotonicMs());
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

interface OtherGates {
  /** Returns what the gate said before. `now`: monotonic. */
  hear(taken: GateTaken, now: number): GateTaken | undefined;
  /** What all of them took of a source on a day, also of one that was seen after their reports came. */
  bytesOf(source: string, day: number): number;
}

/**
 * A sum for each day and source, changed by what a report adds: each start of a gate is another gate, and one that
 * crashes again and again must not make each report cost as much as all starts of the day together.
 */
function createOtherGates(): OtherGates {
  const gates = new Map<string, OtherGate>();
  const days = new Map<number, { gates: number; readonly bytes: Map<string, number> }>();

  const add = ({ day, sources }: GateTaken, sign: 1 | -1): void => {
    let sums = days.get(day);
    if (sums === undefined) days.set(day, (sums = { gates: 0, bytes: new Map() }));
    sums.gates += sign;
    if (sums.gates === 0) days.delete(day);
    for (const [source, { bytes }] of Object.entries(sources)) {
      sums.bytes.set(source, (sums.bytes.get(source) ?? 0) + sign * bytes);
    }
  };
  /**
   * A gate that reported nothing for a day has ended, and its last day is over. By monotonic time: a wrong
   * clock, of this gate or of another one, must not make this one forget what others took today.
   */
  const forgetEnded = (now: number): void => {
    // Those that were heard longest ago come first.
    for (const [gate, { heardAt, taken }] of gates) {
      if (now - heardAt <= dayMs) return;
      gates.delete(gate);
      add(taken, -1);
    }
  };
  return {
    hear: (taken, now) => {
      forgetEnded(now);
      const known = gates.get(taken.gate)?.taken;
      if (known !== undefined) add(known, -1);
      gates.delete(taken.gate);
      gates.set(taken.gate, { taken, heardAt: now });
      add(taken, 1);
      return known;
    },
    bytesOf: (source, day) => days.get(day)?.bytes.get(source) ?? 0,
  };
}
