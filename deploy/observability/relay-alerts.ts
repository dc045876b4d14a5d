import { promql, type Alert, type RuleGroup } from './alert.ts';
import { jobs } from './series.ts';
import { thresholds } from './thresholds.ts';

/* About the relays of a gate, as that sees them: the hosts of relays often have no Prometheus. */

const { lagSecondsMax, rejectedMin, silentWindow, seenWindow } = thresholds.relays;

/** Half of what arrives is late: a relay that was cut off catches up, or its pace is too low. */
const relayBehind: Alert = {
  name: 'HeadgateRelayBehind',
  severity: 'warn',
  expression: promql`
    histogram_quantile(0.5,
      sum by (relay, le) (rate(headgate_relay_lag_seconds_bucket[10m]))) > ${lagSecondsMax}`,
  for: '15m',
  summary:
    'Find out why events of the relay {{ $labels.relay }} arrive late (headgate destinations there, runbook): its disk keeps them meanwhile.',
  description:
    'Half of its events arrive {{ $value | humanizeDuration }} or more after it took them.',
};

/** The relay has validated them by the same contracts, so it is no mistake of a producer. */
const relayRejected: Alert = {
  name: 'HeadgateRelayRejected',
  severity: 'warn',
  expression: promql`
    sum by (relay) (increase(headgate_relayed_events_total{outcome="rejected"}[1h])) >= ${rejectedMin}`,
  for: '5m',
  summary:
    'Read why events of the relay {{ $labels.relay }} are rejected (headgate dead list there), fix relay_sources or the contract, replay them there.',
  description:
    '{{ printf "%.0f" $value }} events that the relay had accepted were rejected in an hour. They are its dead letters.',
};

const asked = (window: string): string =>
  `sum by (relay) (increase(headgate_relay_contracts_requests_total{relay!="_other"}[${window}]))`;

/** While a gate cannot be scraped, its relays only seem silent: HeadgateTargetDown reports that. */
const relaySilent: Alert = {
  name: 'HeadgateRelaySilent',
  severity: 'warn',
  expression: promql`
    (${asked(seenWindow)} > 0 unless ${asked(silentWindow)} > 0)
    and on () (min(min_over_time(up{${jobs}}[${silentWindow}])) == 1)`,
  for: '1m',
  summary:
    'Find out whether the host of the relay {{ $labels.relay }} runs and reaches the gate: no relay with this key has asked for contracts. It keeps what it has acknowledged.',
  description: `It asks every 10 seconds, and has not for ${silentWindow}. It was here within ${seenWindow}.`,
};

export const relayGroups: readonly RuleGroup[] = [
  { name: 'headgate-relays', recordings: [], alerts: [relayBehind, relayRejected, relaySilent] },
];
