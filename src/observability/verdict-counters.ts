import { errorCodes } from '../errors.ts';
import { eventStatuses, warningCodes, type Verdict } from '../event/verdict.ts';
import { countedFamiliesOf, type CounterSeries } from './metric-families.ts';
import { otherLabel, type Metrics } from './metrics.ts';

const knownErrors: ReadonlySet<string> = new Set(errorCodes);
const knownWarnings: ReadonlySet<string> = new Set(warningCodes);
const errorLabel = (code: string): string => (knownErrors.has(code) ? code : otherLabel);
const warningLabel = (code: string): string => (knownWarnings.has(code) ? code : otherLabel);

/** Caches the counters of every (source, event), so that an event costs two map reads. */
export function createVerdictCounters(metrics: Metrics) {
  type Outcomes = Record<string, CounterSeries>;
  const cache = new Map<string, Map<string, Outcomes>>();
  const { lastEvent } = metrics.gauges;
  for (const source of metrics.knownSources) cache.set(source, new Map<string, Outcomes>());
  const labelOf = (source: string): string =>
    metrics.knownSources.has(source) ? source : otherLabel;

  /** A source becomes known when its first key is created. */
  const cacheOf = (label: string): Map<string, Outcomes> => {
    const known = cache.get(label) ?? new Map<string, Outcomes>();
    cache.set(label, known);
    return known;
  };

  const outcomesOf = (source: string, eventName: string): Outcomes => {
    // An unknown source gets no cache of its own; for example, a replayed event's key was deleted.
    const events = cache.get(source) ?? cacheOf(labelOf(source));
    let outcomes = events.get(eventName);
    if (outcomes === undefined) {
      outcomes = Object.fromEntries(
        eventStatuses.map((status) => [
          status,
          metrics.events.series(labelOf(source), eventName, status),
        ]),
      );
      events.set(eventName, outcomes);
    }
    return outcomes;
  };

  return (source: string, eventName: string, verdict: Verdict): void => {
    const hasSeries =
      lastEvent.has(eventName) ||
      (verdict.status === 'accepted' && metrics.addUnplannedName(eventName));
    const known = hasSeries ? eventName : otherLabel;
    outcomesOf(source, known)[verdict.status]!.value += 1;
    if (verdict.status === 'accepted') lastEvent.set(known, verdict.timestampMs / 1000);
    if (verdict.warnings.length > 0) {
      for (const { code } of verdict.warnings) {
        metrics.warnings.series(labelOf(source), known, warningLabel(code)).value += 1;
      }
    }
    if (verdict.status === 'rejected') {
      const { code } = verdict.error!;
      metrics.validationFailures.series(labelOf(source), known, errorLabel(code)).value += 1;
    }
  };
}

/** Events since the start of this process, its gate processes included. */
export interface LabelledTotal {
  readonly eventName: string;
  readonly source: string;
  readonly outcome: string;
  readonly total: number;
}

/** `headgate_events_total` as values. */
export function* eventTotals(metrics: Pick<Metrics, 'registry'>): Generator<LabelledTotal> {
  for (const { labels, value } of counted(metrics, 'headgate_events_total')) {
    const { event_name: eventName = '', source = '', outcome = '' } = labels;
    yield { eventName, source, outcome, total: value };
  }
}

/** What this process has delivered to each destination since its start, those of its other processes included. */
export function* deliveredTotals(
  metrics: Pick<Metrics, 'registry'>,
): Generator<{ readonly destination: string; readonly total: number }> {
  for (const { labels, value } of counted(metrics, 'headgate_deliveries_total')) {
    const { destination = '', outcome } = labels;
    if (outcome === 'delivered') yield { destination, total: value };
  }
}

/** The series of a counter that are above 0. */
function* counted({ registry }: Pick<Metrics, 'registry'>, name: string) {
  for (const family of countedFamiliesOf(registry)) {
    if (family.type !== 'counter' || family.name !== name) continue;
    for (const series of family.all.values()) if (series.value > 0) yield series;
  }
}
