import type {
  Metric,
  MetricObjectWithValues,
  MetricType,
  MetricValue,
  Registry,
} from 'prom-client';

import { labelsText, valueText, type LineMetric } from './metric-text.ts';

/**
 * Metrics that are plain numbers on the hot path.
 *
 * `counter.inc()` of prom-client hashes its labels each time (330 to 480 ns; a cached child is no
 * faster). Here the labels are looked up once, when the series is made, and counting is one
 * addition; metric-text.ts renders what it finds at the scrape.
 */

export interface FamilyOptions {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** One series of a counter. Only add to `value`. */
export interface CounterSeries {
  value: number;
}

export interface CounterFamily {
  /** Returns the series of these label values; creates it at 0 the first time. */
  series(...labelValues: string[]): CounterSeries;
}

export interface HistogramSeries {
  observe(value: number): void;
}

export interface HistogramFamily {
  series(...labelValues: string[]): HistogramSeries;
}

/**
 * A family and its series, for metric-deltas.ts. Series are never deleted: their order is fixed.
 */
export type CountedFamily =
  | (Counted<CounterState> & { readonly type: 'counter' })
  | (Counted<HistogramState & HistogramSeries> & { readonly type: 'histogram' });

interface Counted<State> {
  readonly name: string;
  readonly all: ReadonlyMap<string, State>;
  readonly series: (...labelValues: string[]) => State;
}

const countedFamilies = new WeakMap<Registry, CountedFamily[]>();

/** The counters and histograms created here, which other processes can count for this one. */
export function countedFamiliesOf(registry: Registry): readonly CountedFamily[] {
  return countedFamilies.get(registry) ?? [];
}

function remember(registry: Registry, family: CountedFamily): void {
  const families = countedFamilies.get(registry) ?? [];
  families.push(family);
  countedFamilies.set(registry, families);
}

interface CounterState extends CounterSeries {
  readonly labels: Record<string, string>;
  /** The line of the page up to its value: made once, because there can be 100,000 series. */
  readonly prefix: string;
}

export function createCounter(registry: Registry, options: FamilyOptions): CounterFamily {
  const all = new Map<string, CounterState>();
  const values = (): MetricValue<string>[] =>
    [...all.values()].map(({ labels, value }) => ({ labels, value }));
  register(registry, options, 'counter', values, function* lines() {
    for (const { prefix, value } of all.values()) yield prefix + valueText(value);
  });
  const series = (...labelValues: string[]): CounterState => {
    const key = labelValues.join('\0');
    let found = all.get(key);
    if (found === undefined) {
      const labels = labelsOf(options, labelValues);
      found = { labels, prefix: linePrefix(options.name, labels), value: 0 };
      all.set(key, found);
    }
    return found;
  };
  remember(registry, { type: 'counter', name: options.name, all, series });
  return { series };
}

/** A gauge that is read at the scrape. */
export function createGauge(
  registry: Registry,
  options: FamilyOptions,
  read: () => Iterable<{ labels: string[]; value: number }>,
): void {
  register(registry, options, 'gauge', () =>
    [...read()].map(({ labels, value }) => ({ labels: labelsOf(options, labels), value })),
  );
}

interface HistogramState {
  readonly labels: Record<string, string>;
  readonly counts: Float64Array;
  sum: number;
}

export function createHistogram(
  registry: Registry,
  options: FamilyOptions & { readonly buckets: readonly number[] },
): HistogramFamily {
  const { buckets, name } = options;
  const all = new Map<string, HistogramState & HistogramSeries>();
  register(registry, options, 'histogram', () =>
    [...all.values()].flatMap((state) => histogramValues(name, buckets, state)),
  );
  const series = (...labelValues: string[]): HistogramState & HistogramSeries => {
    const key = labelValues.join('\0');
    let found = all.get(key);
    if (found === undefined) {
      found = createHistogramSeries(buckets, labelsOf(options, labelValues));
      all.set(key, found);
    }
    return found;
  };
  remember(registry, { type: 'histogram', name: options.name, all, series });
  return { series };
}

function createHistogramSeries(
  buckets: readonly number[],
  labels: Record<string, string>,
): HistogramState & HistogramSeries {
  // The additional count is for values above the last bound.
  const counts = new Float64Array(buckets.length + 1);
  const state = {
    labels,
    counts,
    sum: 0,
    observe: (value: number) => {
      let index = 0;
      while (index < buckets.length && value > buckets[index]!) index += 1;
      counts[index]! += 1;
      state.sum += value;
    },
  };
  return state;
}

function histogramValues(
  name: string,
  buckets: readonly number[],
  state: HistogramState,
): FamilyValue[] {
  let total = 0;
  const values = [...buckets, '+Inf'].map((le, index) => {
    total += state.counts[index]!;
    return { labels: { ...state.labels, le }, value: total, metricName: `${name}_bucket` };
  });
  return [
    ...values,
    { labels: state.labels, value: state.sum, metricName: `${name}_sum` },
    { labels: state.labels, value: total, metricName: `${name}_count` },
  ];
}

/** A line of the page up to its value. */
function linePrefix(name: string, labels: MetricValue<string>['labels']): string {
  const text = labelsText(labels);
  return text === '' ? `${name} ` : `${name}{${text}} `;
}

function labelsOf(options: FamilyOptions, values: readonly string[]): Record<string, string> {
  if (values.length !== options.labels.length) {
    throw new TypeError(`${options.name} takes the labels ${options.labels.join(', ')}`);
  }
  return Object.fromEntries(options.labels.map((label, index) => [label, values[index]!]));
}

/** A value under the family's own name, or under that of a part, such as `_bucket`. */
type FamilyValue = MetricValue<string> & { readonly metricName?: string };

/**
 * prom-client's registry reads the values of any object with `get`, whatever its class. `lines`: for a
 * family of many series, which need not be made of `values` anew.
 */
function register(
  registry: Registry,
  { name, help, labels }: FamilyOptions,
  type: 'counter' | 'gauge' | 'histogram',
  values: () => FamilyValue[],
  lines = (): Iterable<string> => values().map((each) => lineOf(name, each)),
): void {
  const metric = {
    name,
    help,
    type,
    labelNames: labels,
    collect: undefined,
    reset: () => {},
    get: async (): Promise<Omit<MetricObjectWithValues<MetricValue<string>>, 'collect'>> => ({
      name,
      help,
      type: type as unknown as MetricType,
      aggregator: 'sum',
      values: values(),
    }),
    lines,
  } satisfies LineMetric & Record<string, unknown>;
  registry.registerMetric(metric as unknown as Metric);
}

function lineOf(name: string, { metricName = name, labels, value }: FamilyValue): string {
  return linePrefix(metricName, labels) + valueText(value);
}
