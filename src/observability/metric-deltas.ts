import type { CountedFamily } from './metric-families.ts';

/** What one series grew by: a counter's value, or a histogram's counts and, last, its sum. */
export interface SeriesDelta {
  readonly family: string;
  readonly labels: readonly string[];
  readonly grown: readonly number[];
}

/** What a process counted since its last report. Plain values, which can be sent to another process. */
export interface MetricDeltas {
  readonly series: readonly SeriesDelta[];
  /** Of `headgate_last_event_timestamp_seconds`: what changed, as it is now. */
  readonly lastEvents: readonly (readonly [eventName: string, seconds: number])[];
}

/** What is counted in one process and shown in another. */
export interface CountedMetrics {
  readonly families: readonly CountedFamily[];
  /** Event name to the time of its last event: the later of two is the right one. */
  readonly lastEvents: Map<string, number>;
}

/**
 * Returns, each time it is called, what was counted since the call before; undefined when nothing was.
 *
 * One process shows the sum of several, by adding up their reports. It never asks them: a process that
 * ends takes no count with it, so that no total goes down (Prometheus would take that for a restart, and
 * the whole total for new events), and a process that hangs delays no other.
 */
export function createDeltaSource(metrics: CountedMetrics): () => MetricDeltas | undefined {
  const takers = metrics.families.map(createTaker);
  const reportedEvents = new Map(metrics.lastEvents);
  return () => {
    const series: SeriesDelta[] = [];
    for (const take of takers) take(series);
    const lastEvents: [string, number][] = [];
    for (const [eventName, seconds] of metrics.lastEvents) {
      if (reportedEvents.get(eventName) === seconds) continue;
      reportedEvents.set(eventName, seconds);
      lastEvents.push([eventName, seconds]);
    }
    return series.length + lastEvents.length === 0 ? undefined : { series, lastEvents };
  };
}

function createTaker(family: CountedFamily): (into: SeriesDelta[]) => void {
  // By the index of a series in its family: a look at thousands of idle ones must cost little.
  const reported: number[][] = [];
  return (into) => {
    let place = 0;
    for (const state of family.all.values()) {
      const before = (reported[place] ??= []);
      const grown =
        'counts' in state
          ? grownHistogram(state.counts, state.sum, before)
          : grownCounter(state.value, before);
      if (grown !== undefined) {
        into.push({ family: family.name, labels: Object.values(state.labels), grown });
      }
      place += 1;
    }
  };
}

function grownCounter(value: number, before: number[]): number[] | undefined {
  const grown = value - (before[0] ?? 0);
  if (grown === 0) return undefined;
  before[0] = value;
  return [grown];
}

function grownHistogram(counts: Float64Array, sum: number, before: number[]): number[] | undefined {
  // No observation leaves all counts as they are; one of 0 leaves the sum.
  if (counts.every((count, index) => count === (before[index] ?? 0))) return undefined;
  const now = [...counts, sum];
  const grown = now.map((number, index) => number - (before[index] ?? 0));
  before.splice(0, before.length, ...now);
  return grown;
}

/** Adds what another process counted to what this one shows. */
export function createDeltaSink(metrics: CountedMetrics): (deltas: MetricDeltas) => void {
  const families = new Map(metrics.families.map((family) => [family.name, family]));
  return (deltas) => {
    for (const { family: name, labels, grown } of deltas.series) {
      const family = families.get(name);
      if (family?.type === 'counter') {
        family.series(...labels).value += grown[0]!;
      } else if (family?.type === 'histogram') {
        const state = family.series(...labels);
        const last = state.counts.length;
        for (let index = 0; index < last; index += 1) state.counts[index]! += grown[index]!;
        state.sum += grown[last]!;
      }
    }
    for (const [eventName, seconds] of deltas.lastEvents) {
      const { lastEvents } = metrics;
      lastEvents.set(eventName, Math.max(seconds, lastEvents.get(eventName) ?? 0));
    }
  };
}
