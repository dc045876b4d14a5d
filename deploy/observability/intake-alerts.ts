import { promql, type Alert, type RuleGroup } from './alert.ts';
import {
  acceptedHour,
  acceptedHourLastWeek,
  eventsOf,
  jobs,
  rejectedDay,
  rejectedRatio,
  rejectedRecordings,
  rejectedTenMinutes,
  volumeRecordings,
} from './series.ts';
import { thresholds } from './thresholds.ts';

/**
 * True if the gates were scraped: a failed scrape looks like missing events. Only processes with
 * endpoints count, so a worker that is down hides nothing. If no gate exists at all,
 * HeadgateTargetDown reports it.
 */
const scraped = promql`
  (min(avg_over_time(up{${jobs}}[1h])
    and on (job, instance) max_over_time(headgate_gate_processes[2h]) > 0)
  > ${thresholds.volume.scrapedMin})`;

/**
 * `or ... * 0`: without it, an event whose series has disappeared (it left the contracts, a source
 * lost its key) would not be compared, and total silence would be the one drop that is missed.
 */
const volumeDropped: Alert = {
  name: 'HeadgateVolumeDropped',
  severity: 'warn',
  expression: (() => {
    const { dropRatio, baselineMin, deviations } = thresholds.volume;
    const now = `(${acceptedHour} or ${acceptedHourLastWeek} * 0)`;
    const lastWeek = acceptedHourLastWeek;
    return promql`
      (1 - ${now} / ${lastWeek}) >= ${dropRatio}
      and ${lastWeek} >= ${baselineMin}
      and (${lastWeek} - ${now}) > ${deviations} * sqrt(${lastWeek} + ${now})
      and on () ${scraped}`;
  })(),
  for: '10m',
  summary:
    'Ask the owners of {{ $labels.source }} why {{ $labels.event_name }} comes so much less than a week ago.',
  description:
    'In the last hour {{ $value | humanizePercentage }} fewer events were accepted than in the same hour last week.',
};

/** The second half is for events that come a few times a day. */
const eventSilent: Alert = {
  name: 'HeadgateEventSilent',
  severity: 'page',
  expression: (() => {
    const { expectedMin } = thresholds.silent;
    const accepted = (window: string): string =>
      `sum by (event_name) (increase(headgate_events_total{outcome="accepted"}${window}))`;
    return promql`
      (
        (${accepted('[30m] offset 1d')} >= ${expectedMin}
          unless ${accepted('[30m] offset 1w')} < ${expectedMin}
          unless ${accepted('[30m]')} > 0)
        or
        (${accepted('[1d] offset 1w')} >= ${expectedMin}
          unless ${accepted('[1d]')} > 0)
      )
      and on () ${scraped}`;
  })(),
  for: '5m',
  summary:
    'Nobody sends {{ $labels.event_name }} any more: look at the sources that did, and at what they deployed.',
  description:
    'There were {{ printf "%.0f" $value }} in the same time before, and there is none now.',
};

const rejectedTooFew = (window: string, min: number): string =>
  `${eventsOf('outcome="rejected"', window)} < ${min}`;

/** Compared with its day up to an hour ago. A new producer has no such day, so no usual ratio. */
const validationSpike: Alert = {
  name: 'HeadgateValidationFailureSpike',
  severity: 'warn',
  expression: (() => {
    const { spikeRatio, spikeFactor, spikeEventsMin } = thresholds.rejected;
    return promql`
      ${rejectedTenMinutes} > ${spikeRatio}
      unless ${rejectedTenMinutes} <= ${spikeFactor} * (${rejectedDay} offset 1h)
      unless ${rejectedTooFew('[10m]', spikeEventsMin)}`;
  })(),
  for: '5m',
  summary:
    'Show {{ $labels.source }} why {{ $labels.event_name }} is refused: headgate rejected list --event {{ $labels.event_name }}.',
  description:
    '{{ $value | humanizePercentage }} of the last ten minutes were refused, more than three times as many as usual.',
};

const validationChronic: Alert = {
  name: 'HeadgateValidationFailureChronic',
  severity: 'warn',
  expression: promql`
    ${rejectedDay} > ${thresholds.rejected.chronicRatio}
    unless ${rejectedTooFew('[1d]', thresholds.rejected.chronicEventsMin)}`,
  for: '1h',
  summary:
    'Fix {{ $labels.event_name }} of {{ $labels.source }} or its contract: it has been refused all day.',
  description: '{{ $value | humanizePercentage }} of a day were refused.',
};

/** Counts everything that a source sends: a deploy is one alert, not one for each of its events. */
const badDeploy: Alert = {
  name: 'HeadgateProducerBadDeploy',
  severity: 'page',
  expression: (() => {
    const { deployRatio, deployFactor, deployEventsMin } = thresholds.rejected;
    const now = rejectedRatio('source', '[10m]');
    const rejected = 'sum by (source) (increase(headgate_events_total{outcome="rejected"}[10m]))';
    return promql`
      (${now} > ${deployRatio})
      unless (${now}) <= ${deployFactor} * (${rejectedRatio('source', '[2h] offset 15m')})
      unless ${rejected} < ${deployEventsMin}`;
  })(),
  for: '2m',
  summary:
    'Roll back what {{ $labels.source }} has just deployed, or tell its owners; then replay what was refused.',
  description:
    '{{ $value | humanizePercentage }} of what {{ $labels.source }} sent in ten minutes was refused' +
    '{{ range query (printf "topk(1, sum by (event_name, code) (increase(headgate_validation_failures_total{source=%q}[10m])))" $labels.source) }}' +
    ', most of it {{ .Labels.event_name }} for {{ .Labels.code }}{{ end }}.',
};

/** Nobody should forget that contracts are not enforced. */
const enforcementSuspended: Alert = {
  name: 'HeadgateEnforcementSuspended',
  severity: 'warn',
  expression: 'max(headgate_enforcement_suspended) == 1',
  for: '1h',
  summary: 'Set enforcement back to on: for an hour no event has been refused for its contract.',
  description: 'The setting enforcement is warn on at least one gate.',
};

/** Messages wait in their stream meanwhile, for as long as that keeps them. */
const natsIntakeStalled: Alert = {
  name: 'HeadgateNatsIntakeStalled',
  severity: 'warn',
  expression: (() => {
    const { window } = thresholds.natsIntake;
    const acknowledged = promql`
      sum by (source) (
        increase(headgate_nats_intake_messages_total{outcome=~"stored|quarantined"}[${window}])
      )`;
    return promql`
      max by (source) (headgate_nats_intake_up) == 0
      or (max by (source) (headgate_nats_intake_pending) > 0 and ${acknowledged} == 0)`;
  })(),
  for: '10m',
  summary:
    'Find out why no events of {{ $labels.source }} are taken from its stream (headgate doctor, runbook): they wait there.',
  description:
    '{{ if eq $value 0.0 }}No gate can read the stream or its consumer.' +
    '{{ else }}{{ $value | humanize }} messages wait, and none was acknowledged.{{ end }}',
};

export const intakeGroups: readonly RuleGroup[] = [
  {
    name: 'headgate-volume',
    recordings: volumeRecordings,
    alerts: [volumeDropped, eventSilent, natsIntakeStalled],
  },
  {
    name: 'headgate-contracts',
    recordings: rejectedRecordings,
    alerts: [validationSpike, validationChronic, badDeploy, enforcementSuspended],
  },
];
