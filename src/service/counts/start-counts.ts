import { countHours, type EventTotal } from '../../counts/count-hours.ts';
import type { CountedOutcome } from '../../counts/hour-counts.ts';
import { eventNameOf, sourceOf, type GivenUpEvent } from '../../event/delivery-attempt.ts';
import type { Log } from '../../jetstream/log.ts';
import { deliveredTotals, eventTotals } from '../../observability/verdict-counters.ts';
import { otherLabel, type Metrics } from '../../observability/metrics.ts';
import type { Signals } from '../../observability/signals.ts';
import type { Lifecycle } from '../lifecycle.ts';

export interface CountsParts {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly signals: Signals;
  readonly lifecycle: Lifecycle;
}

/** The counts by hour that this process adds to the log. */
export interface ServiceCounts {
  /** An event has become a dead letter. */
  deadLettered(event: Pick<GivenUpEvent, 'stream' | 'message'>): void;
  /** Adds what this process has counted, at most once in five seconds. Never rejects. */
  addNow(): Promise<void>;
}

const addEveryMs = 5_000;

/**
 * Counts by hour what this process accepts, rejects, delivers and gives up. Call it before the stages that are
 * counted start: what they do last, while they stop, is counted too.
 */
export function startCounts({ log, metrics, signals, lifecycle }: CountsParts): ServiceCounts {
  const dead = new Map<
    string,
    { readonly eventName: string; readonly source: string; total: number }
  >();
  const outcomes: readonly string[] = [
    'accepted',
    'duplicate',
    'rejected',
  ] satisfies CountedOutcome[];
  const totals = function* (): Generator<EventTotal> {
    for (const { outcome, ...each } of eventTotals(metrics)) {
      if (outcomes.includes(outcome)) yield { ...each, outcome: outcome as CountedOutcome };
    }
    for (const each of dead.values()) yield { ...each, outcome: 'dead' };
  };
  const counting = countHours({
    log,
    totals,
    deliveredTotals: () => deliveredTotals(metrics),
    onTrouble: (error) => signals.trouble('writing the counts of the hour', error),
  });
  let addedMs = -Infinity;
  counting.start();
  lifecycle.onRelease('counts by hour', counting.stop);
  return {
    addNow: async () => {
      if (performance.now() - addedMs < addEveryMs) return;
      addedMs = performance.now();
      // The timer tries again, and reports what fails.
      await counting.flush().catch(() => {});
    },
    deadLettered: ({ stream, message: { subject } }) => {
      const labels = labelsOf(
        metrics,
        eventNameOf(subject),
        stream === 'EVENTS' ? sourceOf(subject) : '',
      );
      const key = `${labels.eventName}\0${labels.source}`;
      const counted = dead.get(key) ?? { ...labels, total: 0 };
      counted.total += 1;
      dead.set(key, counted);
    },
  };
}

/** The labels that the metrics give an event, which are bounded in number. */
function labelsOf({ gauges, knownSources }: Metrics, eventName: string, source: string) {
  return {
    eventName: gauges.lastEvent.has(eventName) ? eventName : otherLabel,
    source: knownSources.has(source) ? source : otherLabel,
  };
}
