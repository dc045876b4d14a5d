import { counter, gauge, missing, type Scenario } from './scenario.ts';

/** Every 5 minutes: an hour is 12 samples. */
const interval = '5m';
const of = (metric: string, labels = '', gate = 1): string =>
  `${metric}{job="headgate",instance="gate-${gate}",relay="relay-fra"${labels}}`;
const relay = { relay: 'relay-fra' };
const warns = [{ ...relay, severity: 'warn' }];

const bucket = (le: string): string => of('headgate_relay_lag_seconds_bucket', `,le="${le}"`);

const behind: readonly Scenario[] = [
  {
    title: 'most events are between five minutes and an hour late',
    series: {
      [bucket('300')]: counter([20, 10]),
      [bucket('3600')]: counter([20, 100]),
      [bucket('+Inf')]: counter([20, 100]),
    },
    fires: warns,
    says: {
      summary:
        'Find out why events of the relay relay-fra arrive late (headgate destinations there, runbook): its disk keeps them meanwhile.',
      description: 'Half of its events arrive 29m 26s or more after it took them.',
    },
  },
  {
    title: 'one in ten is late',
    series: {
      [bucket('300')]: counter([20, 90]),
      [bucket('3600')]: counter([20, 100]),
      [bucket('+Inf')]: counter([20, 100]),
    },
    fires: [],
  },
  {
    title: 'nothing arrives',
    series: {
      [bucket('300')]: gauge(10, 20),
      [bucket('3600')]: gauge(100, 20),
      [bucket('+Inf')]: gauge(100, 20),
    },
    fires: [],
  },
].map((scenario) => ({ alert: 'HeadgateRelayBehind', interval, at: '1h', ...scenario }));

const outcome = (name: string, gate = 1): string =>
  of('headgate_relayed_events_total', `,outcome="${name}"`, gate);

const rejected: readonly Scenario[] = [
  {
    title: 'two gates have rejected 24 in an hour',
    series: {
      [outcome('rejected', 1)]: counter([30, 1]),
      [outcome('rejected', 2)]: counter([30, 1]),
      [outcome('accepted')]: counter([30, 1000]),
    },
    fires: warns,
    says: {
      summary:
        'Read why events of the relay relay-fra are rejected (headgate dead list there), fix relay_sources or the contract, replay them there.',
      description:
        '24 events that the relay had accepted were rejected in an hour. They are its dead letters.',
    },
  },
  {
    title: 'six in an hour',
    series: { [outcome('rejected')]: counter([30, 0.5]) },
    fires: [],
  },
  {
    title: 'many are sent again, which is no rejection',
    series: { [outcome('retry')]: counter([30, 100]), [outcome('rejected')]: gauge(0, 30) },
    fires: [],
  },
].map((scenario) => ({ alert: 'HeadgateRelayRejected', interval, at: '2h', ...scenario }));

const asked = (gate = 1, name = 'relay-fra'): string =>
  of('headgate_relay_contracts_requests_total', '', gate).replace('relay-fra', name);
const up = (gate = 1): string => `up{job="headgate",instance="gate-${gate}"}`;

const silent: readonly Scenario[] = [
  {
    title: 'it asked two gates, and asks neither any more',
    series: {
      [asked(1)]: counter([12, 15], [24, 0]),
      [asked(2)]: counter([12, 15], [24, 0]),
      [up(1)]: gauge(1, 40),
      [up(2)]: gauge(1, 40),
    },
    fires: warns,
    says: {
      summary:
        'Find out whether the host of the relay relay-fra runs and reaches the gate: no relay with this key has asked for contracts. It keeps what it has acknowledged.',
      description: 'It asks every 10 seconds, and has not for 15m. It was here within 1d.',
    },
  },
  {
    title: 'the gate has restarted, and has no series of it',
    series: { [asked()]: `${counter([12, 30])} ${missing(24)}`, [up()]: gauge(1, 40) },
    fires: warns,
  },
  {
    title: 'it asks another gate by now',
    series: {
      [asked(1)]: counter([12, 30], [24, 0]),
      [asked(2)]: counter([12, 0], [24, 30]),
      [up(1)]: gauge(1, 40),
      [up(2)]: gauge(1, 40),
    },
    fires: [],
  },
  {
    title: 'the gate could not be scraped',
    series: {
      [asked()]: `${counter([12, 30])} ${missing(24)}`,
      [up()]: `${gauge(1, 12)} ${gauge(0, 28)}`,
    },
    fires: [],
  },
  {
    title: 'it has not been here today',
    series: { [asked()]: counter([12, 30], [320, 0]), [up()]: gauge(1, 330) },
    at: '27h',
    fires: [],
  },
  {
    title: 'relays without a series of their own',
    series: { [asked(1, '_other')]: counter([12, 30], [24, 0]), [up()]: gauge(1, 40) },
    fires: [],
  },
].map((scenario) => ({ alert: 'HeadgateRelaySilent', interval, at: '2h', ...scenario }));

export const relayScenarios: readonly Scenario[] = [...behind, ...rejected, ...silent];
