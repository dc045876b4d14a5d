import { promql, type Alert, type Recording, type RuleGroup } from './alert.ts';
import { heldPerStream, jobs, perStream, serverFaults, streamsThatFill } from './series.ts';
import { thresholds } from './thresholds.ts';

const bytesMax = perStream(`headgate_stream_bytes_max{${streamsThatFill}}`);
const fill = promql`(${heldPerStream()}) / (${bytesMax} > 0)`;

const storeFilling: Alert = {
  name: 'HeadgateStoreFilling',
  severity: 'warn',
  expression: promql`(${fill}) > ${thresholds.store.warnRatio}`,
  for: '15m',
  summary:
    'Make room in {{ $labels.stream }} or raise log.storage_bytes_max: when it is full, events are answered with retry.',
  description:
    '{{ $value | humanizePercentage }} of {{ $labels.stream }} is taken by what cannot be deleted.',
};

/** Its value is a share of what it may hold or, below that share, the seconds for which it has room. */
const storeAlmostFull: Alert = {
  name: 'HeadgateStoreFilling',
  severity: 'page',
  expression: (() => {
    const { pageRatio, fullInSeconds, predictedFromRatio } = thresholds.store;
    const growth = heldPerStream((metric) => `deriv(${metric}[1h])`);
    return promql`
      (${fill}) > ${pageRatio}
      or (
        (${bytesMax} - (${heldPerStream()})) / ((${growth}) > 0) < ${fullInSeconds}
        and (${fill}) > ${predictedFromRatio}
      )`;
  })(),
  for: '10m',
  summary:
    'Make room in {{ $labels.stream }} now (runbook): it is full, or will be within four hours, and then takes nothing more.',
  description:
    '{{ if lt $value 2.0 }}{{ $value | humanizePercentage }} of {{ $labels.stream }} is taken by what cannot be deleted.' +
    '{{ else }}At the rate of the last hour, {{ $labels.stream }} has room for {{ $value | humanizeDuration }}.{{ end }}',
};

const retentionShortened: Alert = {
  name: 'HeadgateRetentionShortened',
  severity: 'warn',
  expression: 'min(headgate_log_reached_retention_seconds > 0)',
  for: '30m',
  summary:
    'Raise log.storage_bytes_max, or shorten log.retention to what the log can hold (runbook): events are deleted earlier.',
  description: 'The log keeps events for {{ $value | humanizeDuration }}.',
};

const perSource = (metric: string): string => `max by (source) (${metric})`;
const quarantineFill = promql`
  ${perSource('headgate_quarantine_bytes')} / (${perSource('headgate_quarantine_bytes_max')} > 0)`;

const quarantineFilling: Alert = {
  name: 'HeadgateQuarantineFilling',
  severity: 'warn',
  expression: promql`(${quarantineFill}) > ${thresholds.quarantine.warnRatio}`,
  for: '5m',
  summary:
    'Replay or discard the rejected events of {{ $labels.source }}: when its share is full, its next ones are answered with retry.',
  description:
    '{{ $labels.source }} has filled {{ $value | humanizePercentage }} of its share of quarantine.',
};

const auditFill = promql`
  max(headgate_stream_bytes{stream="AUDIT"}) / (max(headgate_stream_bytes_max{stream="AUDIT"}) > 0)`;

const auditFilling = (severity: 'warn' | 'page', ratio: number): Alert => ({
  name: 'HeadgateAuditFilling',
  severity,
  expression: promql`(${auditFill}) > ${ratio}`,
  for: '15m',
  summary:
    'Shorten audit.retention or raise log.storage_bytes_max (runbook): when the audit log is full, operators can neither act nor read events.',
  description: '{{ $value | humanizePercentage }} of the audit log is full.',
});

const auditUnwritable: Alert = {
  name: 'HeadgateAuditUnwritable',
  severity: 'warn',
  expression: 'sum by (instance) (increase(headgate_audit_failures_total[15m])) > 0',
  for: '1m',
  summary:
    'Find out why the audit log of {{ $labels.instance }} cannot be written (runbook): operators are refused what it cannot record.',
  description: '{{ $value | humanize }} entries or outcomes were not written in 15 minutes.',
};

const acknowledgementSlow: Alert = {
  name: 'HeadgateAcknowledgementSlow',
  severity: 'page',
  expression: (() => {
    const { secondsMax, rateMin } = thresholds.acknowledgement;
    return promql`
      histogram_quantile(0.99, sum by (le) (rate(headgate_publish_duration_seconds_bucket[5m])))
      > ${secondsMax}
      and sum(rate(headgate_publish_duration_seconds_count[5m])) > ${rateMin}`;
  })(),
  for: '10m',
  summary: 'Look at the disk and the cluster of NATS: callers wait for their acknowledgements.',
  description:
    'One event in a hundred waits for {{ $value | humanizeDuration }} or more until it is stored.',
};

/** If no process runs, no series exists: hence `absent`. */
const targetDown: Alert = {
  name: 'HeadgateTargetDown',
  severity: 'page',
  expression: promql`
    avg_over_time(up{${jobs}}[5m]) < 0.5
    or absent(up{${jobs}})`,
  for: '5m',
  summary:
    'Start Headgate again, or fix its scrape (target {{ $labels.instance }}): until then no other alert can be trusted.',
  description: 'Prometheus cannot read the metrics of {{ $labels.job }} {{ $labels.instance }}.',
};

const eventsMissing: Alert = {
  name: 'HeadgateEventsMissing',
  severity: 'page',
  expression: promql`max(headgate_log_missing_events) > 0`,
  for: '1m',
  summary:
    'Find out what damaged the log (runbook), and let the producers send again: accepted events are lost.',
  description:
    '{{ $value }} accepted events are gone from the log, and no deletion of them is recorded.',
};

const callersLimited: Alert = {
  name: 'HeadgateCallersLimited',
  severity: 'warn',
  expression: (() => {
    const { limitedRateMax, connectionsRateMax } = thresholds.callers;
    const rate = (labels: string): string =>
      `sum by (limit) (rate(headgate_callers_limited_total${labels}[5m]))`;
    return promql`
      ${rate('')} > ${limitedRateMax}
      or ${rate('{limit="connections"}')} > ${connectionsRateMax}`;
  })(),
  for: '10m',
  summary:
    'Find who sends so much (the log line "callers use up a budget" names the address or source): {{ $labels.limit }} is used up.',
  description:
    '{{ $value | humanize }} requests or connections a second are refused, end or wait because of {{ $labels.limit }}.',
};

const sourceLimited: Alert = {
  name: 'HeadgateSourceLimited',
  severity: 'warn',
  expression: promql`
    sum by (source, limit) (rate(headgate_source_limited_total[5m])) > ${thresholds.sourceLimits.limitedRateMax}`,
  for: '10m',
  summary:
    'Ask the owners of {{ $labels.source }} to send less, or raise its {{ $labels.limit }} (runbook): what is beyond is refused with 429.',
  description:
    '{{ $value | humanize }} requests a second of {{ $labels.source }} are beyond its {{ $labels.limit }}.',
};

/** Every gate reports the same. */
const sourceDayFilling: Alert = {
  name: 'HeadgateSourceDayFilling',
  severity: 'warn',
  expression: promql`
    max by (source) (headgate_source_limit_used_ratio{limit="bytes_per_day"})
      > ${thresholds.sourceLimits.dayWarnRatio}`,
  for: '5m',
  summary:
    'Raise limits.bytes_per_day of {{ $labels.source }}, or ask its owners to send less: at 100% everything of it is refused until midnight UTC.',
  description:
    '{{ $labels.source }} has used {{ $value | humanizePercentage }} of its bytes of today.',
};

const operatorTokensWrong: Alert = {
  name: 'HeadgateOperatorTokensWrong',
  severity: 'warn',
  expression: promql`
    sum(rate(headgate_operator_refused_total{reason="wrong_token"}[5m]))
    > ${thresholds.operators.wrongTokensRateMax}`,
  for: '10m',
  summary:
    'Find who sends wrong tokens to the admin port (the log line "wrong tokens at the admin port" names the address).',
  description: '{{ $value | humanize }} requests a second have a token that is not known.',
};

/** Fires only where a certificate is served. Only that of the admin port has a label `port`. */
const certificateExpires = (severity: 'warn' | 'page', seconds: number): Alert => ({
  name: 'HeadgateCertificateExpires',
  severity,
  expression: promql`
    (headgate_certificate_expires_timestamp_seconds > 0) - time() < ${seconds}
    or label_replace(
      (headgate_admin_certificate_expires_timestamp_seconds > 0) - time() < ${seconds},
      "port", "admin", "", ""
    )`,
  for: '10m',
  summary:
    'Renew the certificate of {{ $labels.instance }}{{ with $labels.port }} ({{ . }} port){{ end }} in its file (runbook): when it has expired, no caller connects.',
  description: 'It expires in {{ $value | humanizeDuration }}.',
});

/**
 * Every gate on a log counts its keys. A key that was just rotated counts for the hour after its last
 * use: two hours let a quick change of the sender pass.
 */
const keyExpires: Alert = {
  name: 'HeadgateKeyExpires',
  severity: 'warn',
  expression: 'max(headgate_keys_expiring) > 0',
  for: '2h',
  summary:
    'Rotate the write key, or ask its sender to change to the new one (headgate keys list, runbook): it will be refused soon.',
  description: '{{ $value }} write keys are in use and expire within 14 days.',
};

/** Fires only with `durability: replicated`. */
const syncsLate: Alert = {
  name: 'HeadgateLogSyncsLate',
  severity: 'warn',
  expression: 'max by (sync) (headgate_log_servers{sync=~"lazy|unknown"}) > 0',
  for: '30m',
  summary:
    'Set sync_interval: always on every node of NATS (runbook): a power cut of one node can lose acknowledged events.',
  description:
    '{{ $value }} nodes that hold the log acknowledge before they sync, or do not say ({{ $labels.sync }}).',
};

/** Fires only where heartbeats are sent. */
const heartbeatLate: Alert = {
  name: 'HeadgateHeartbeatLate',
  severity: 'page',
  expression: (() => {
    const { intervalsMax, secondsMin } = thresholds.heartbeat;
    const interval = 'headgate_canary_interval_seconds';
    return promql`
      time() - headgate_canary_arrived_timestamp_seconds
      > clamp_min(${intervalsMax} * ${interval}, ${secondsMin})
      and ${interval} > 0`;
  })(),
  for: '2m',
  summary:
    'Find what is broken between the endpoint and a worker (headgate doctor): heartbeats of {{ $labels.instance }} do not arrive.',
  description: 'The newest that came through was sent {{ $value | humanizeDuration }} ago.',
};

/** For each objective: what counts as failed, and of what total. */
const objectives = {
  /** Requests that failed because of Headgate. */
  requests: {
    failed: `headgate_requests_total{${serverFaults}}`,
    all: 'headgate_requests_total',
  },
  /** The request of a batch may succeed while single events in it are answered with `retry`. */
  events: {
    failed: 'headgate_events_total{outcome="retry"}',
    all: 'headgate_events_total',
  },
} as const;

const burnWindows = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const;
type BurnWindow = (typeof burnWindows)[number];

const burnSeries = (window: BurnWindow): string => `slo:headgate_failures:ratio_rate${window}`;

const burnRecordings: readonly Recording[] = burnWindows.flatMap((window) =>
  Object.entries(objectives).map(([slo, { failed, all }]) => ({
    name: burnSeries(window),
    labels: { slo },
    expression: `sum(rate(${failed}[${window}])) / (sum(rate(${all}[${window}])) > 0)`,
  })),
);

const failureRecordings: readonly Recording[] = Object.entries(objectives).map(
  ([slo, { failed }]) => ({
    name: 'slo:headgate_failures:increase1h',
    labels: { slo },
    expression: `sum(increase(${failed}[1h]))`,
  }),
);

/** Both windows: the long one shows that it matters, the short one that it still continues. */
const burning = (long: BurnWindow, short: BurnWindow, factor: number): string => {
  const limit = Number((factor * thresholds.objective.errorBudget).toFixed(6));
  return `(${burnSeries(long)} > ${limit} and ${burnSeries(short)} > ${limit})`;
};

/**
 * At 14.4 times the budget's rate, 2% of a month's budget is spent in an hour; at 6 times, 5% in six
 * hours.
 */
const burningFast: Alert = {
  name: 'HeadgateErrorBudgetBurning',
  severity: 'page',
  expression: promql`
    (${burning('1h', '5m', 14.4)} or ${burning('6h', '30m', 6)})
    and slo:headgate_failures:increase1h >= ${thresholds.objective.failuresMin}`,
  for: '2m',
  summary:
    'Headgate refuses what it should take ({{ $labels.slo }}): look at NATS first, then at the gates.',
  description:
    '{{ $value | humanizePercentage }} of the {{ $labels.slo }} fail; the objective is 99.9% in 30 days.',
};

/** At 3 times the rate, 10% is spent in a day; at 1 time, 10% in three days. */
const burningSlowly: Alert = {
  ...burningFast,
  severity: 'warn',
  expression: promql`
    (${burning('1d', '2h', 3)} or ${burning('3d', '6h', 1)})
    and slo:headgate_failures:increase1h > 0`,
  for: '15m',
  summary:
    'Find out what fails now and then ({{ $labels.slo }}), before the budget of the month is spent.',
};

export const gateGroups: readonly RuleGroup[] = [
  {
    name: 'headgate-log',
    recordings: [],
    alerts: [
      eventsMissing,
      storeFilling,
      storeAlmostFull,
      quarantineFilling,
      auditFilling('warn', thresholds.audit.warnRatio),
      auditFilling('page', thresholds.audit.pageRatio),
      auditUnwritable,
      retentionShortened,
      acknowledgementSlow,
      callersLimited,
      sourceLimited,
      sourceDayFilling,
      operatorTokensWrong,
      syncsLate,
      heartbeatLate,
      certificateExpires('warn', thresholds.certificate.warnSeconds),
      certificateExpires('page', thresholds.certificate.pageSeconds),
      keyExpires,
      targetDown,
    ],
  },
  {
    name: 'headgate-objectives',
    recordings: [...burnRecordings, ...failureRecordings],
    alerts: [burningFast, burningSlowly],
  },
];
