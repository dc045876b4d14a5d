import { promql, type Alert, type RuleGroup } from './alert.ts';
import { perDestination } from './series.ts';
import { thresholds } from './thresholds.ts';

const deadLettersDeep: Alert = {
  name: 'HeadgateDeadLettersDeep',
  severity: 'page',
  expression: promql`
    ${perDestination('headgate_dead_letters')} > ${thresholds.deadLetters.countMax}`,
  for: '5m',
  summary:
    'Read why {{ $labels.destination }} refuses events (headgate dead list --destination {{ $labels.destination }}), fix it, replay them.',
  description:
    '{{ printf "%.0f" $value }} events have not reached {{ $labels.destination }} and never will by themselves.',
};

const deadLettersOld: Alert = {
  name: 'HeadgateDeadLettersOld',
  severity: 'page',
  expression: promql`
    time() - (${perDestination('headgate_dead_letter_oldest_timestamp_seconds')} > 0)
    > ${thresholds.deadLetters.ageSecondsMax}`,
  for: '5m',
  summary:
    'Replay or discard the dead letters of {{ $labels.destination }}: nobody has since the oldest was written.',
  description: 'The oldest has been there for {{ $value | humanizeDuration }}.',
};

const parked = promql`${perDestination('headgate_destination_parked')} == 1`;
const disabled = promql`${perDestination('headgate_destination_disabled')} == 1`;

const destinationParked = (severity: Alert['severity'], duration: string): Alert => ({
  name: 'HeadgateDestinationParked',
  severity,
  // The next alert is for destinations that want nothing more.
  expression: promql`${parked} unless ${disabled}`,
  for: duration,
  summary:
    'Find out why {{ $labels.destination }} does not answer (headgate destinations shows its last answer); its events wait meanwhile.',
  description: `{{ $labels.destination }} has been away for ${duration} or more. Nothing is lost until the store is full.`,
});

const destinationDisabled: Alert = {
  name: 'HeadgateDestinationDisabled',
  severity: 'page',
  expression: disabled,
  for: '1m',
  summary:
    '{{ $labels.destination }} has answered that it accepts no more events (410): ask its owner, then fix the URL or remove it, and restart the workers.',
  description: 'It is not tried again until the workers start anew; its events wait.',
};

const paused = promql`${perDestination('headgate_destination_paused')} == 1`;

/** Counted from the pause, which outlives restarts: `for` would begin again with each of them. */
const destinationPaused = (severity: Alert['severity'], secondsMin: number): Alert => ({
  name: 'HeadgateDestinationPaused',
  severity,
  expression: promql`
    time() - (${perDestination('headgate_destination_paused_timestamp_seconds')} > 0)
    > ${secondsMin}
    and ${perDestination('headgate_destination_pending')} > 0`,
  for: '5m',
  summary:
    'Resume {{ $labels.destination }} if the reason for its pause is gone (headgate destinations shows who paused it, and why): events wait for it.',
  description:
    'An operator paused it {{ $value | humanizeDuration }} ago. Its events wait, and the log keeps them until it runs short of room.',
});

/**
 * `clamp_min`: if a worker delivers nothing at all, the time is very long, not undefined. Filtered
 * and dead events leave the backlog, too.
 */
const backlogSlow: Alert = {
  name: 'HeadgateBacklogSlow',
  severity: 'warn',
  expression: promql`
    ${perDestination('headgate_destination_pending')}
    / clamp_min(
        sum by (destination) (rate(headgate_deliveries_total{outcome!="retried"}[15m])), 0.001)
    > ${thresholds.backlog.drainSecondsMax}
    and ${perDestination('headgate_destination_pending')} > ${thresholds.backlog.eventsMin}
    unless (${parked} or ${paused})`,
  for: '15m',
  summary:
    'Give {{ $labels.destination }} more workers or a larger concurrency: at its pace the backlog lasts over an hour.',
  description:
    'It would take {{ $value | humanizeDuration }} to deliver what waits for {{ $labels.destination }}.',
};

/** Few events may wait long: HeadgateBacklogSlow is about many. */
const eventsLate: Alert = {
  name: 'HeadgateEventsLate',
  severity: 'warn',
  expression: promql`
    time() - (${perDestination('headgate_destination_oldest_timestamp_seconds')} > 0)
    > ${thresholds.backlog.ageSecondsMax}
    unless (${parked} or ${paused})`,
  for: '15m',
  summary:
    'Find out why events for {{ $labels.destination }} wait (headgate destinations, log lines "delivery failed"): it is neither parked nor paused, and the oldest is late.',
  description: 'The oldest was stored {{ $value | humanizeDuration }} ago.',
};

/** A worker counts what it found, so the counts of several are added up. */
const deliveriesMissing: Alert = {
  name: 'HeadgateDeliveriesMissing',
  severity: 'warn',
  expression: promql`
    sum by (destination) (increase(headgate_destination_missing_total[1h])) > 0`,
  for: '1m',
  summary:
    'Find out what happened to NATS (runbook): events were settled and had not reached {{ $labels.destination }}. They are delivered again.',
  description:
    '{{ printf "%.0f" $value }} events were missing at {{ $labels.destination }} when it was asked.',
};

export const deliveryGroups: readonly RuleGroup[] = [
  {
    name: 'headgate-delivery',
    recordings: [],
    alerts: [
      deadLettersDeep,
      deadLettersOld,
      destinationParked('warn', '10m'),
      destinationParked('page', '1h'),
      destinationDisabled,
      destinationPaused('warn', thresholds.paused.warnSeconds),
      destinationPaused('page', thresholds.paused.pageSeconds),
      backlogSlow,
      eventsLate,
      deliveriesMissing,
    ],
  },
];
