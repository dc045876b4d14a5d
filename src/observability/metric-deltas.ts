import type { CountedFamily } from './metric-families.ts';

/** The growth of one series: a counter's value, or a histogram's counts followed by its sum. */
export interface SeriesDelta {
  readonly family: string;
  readonly labels: readonly string[];
  readonly grown: readonly number[];
}

/**
 * The counts of a process since its last report, as plain values that can be sent to another one.
 */
export interface MetricDeltas {
  readonly series: readonly SeriesDelta[];
  /** The changed values of `headgate_last_event_timestamp_seconds`. */
  readonly lastEvents: readonly (readonly [eventName: string, seconds: number])[];
}

/** The metrics that are counted in one process and exposed by another. */
export interface CountedMetrics {
  readonly families: readonly CountedFamily[];
  /** Maps an event name to the time of its last event; of two times the later one is right. */
  readonly lastEvents: Map<string, number>;
}

/**
 * The returned function returns the counts since its last call, or undefined if nothing was
 * counted.
 *
 * One process exposes the sum of several by adding up their reports. It never queries them.
 * Therefore a process that ends does not lower a total (Prometheus would take that for a restart,
 * and the whole total for new events), and a hanging process does not delay a scrape.
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
  // Indexed by the position of a series in its family, so that thousands of idle series are cheap.
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
  // Compare counts, not the sum: an observation of 0 does not change the sum.
  if (counts.every((count, index) => count === (before[index] ?? 0))) return undefined;
  const now = [...counts, sum];
  const grown = now.map((number, index) => number - (before[index] ?? 0));
  before.splice(0, before.length, ...now);
  return grown;
}

/** Adds the counts of another process to the metrics of this one. */
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
