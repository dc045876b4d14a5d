import { counter, gauge, missing, type Scenario } from './scenario.ts';

/** Every 10 minutes: an hour is 6 samples, a day 144, a week 1,008. */
const week = 1008;
const day = 144;
const hour = 6;

const accepted = (eventName = 'order_completed', source = 'shop', instance = 'gate-1'): string =>
  `headgate_events_total{job="headgate",instance="${instance}",source="${source}",event_name="${eventName}",outcome="accepted"}`;
const rejected = (eventName = 'order_completed', source = 'shop'): string =>
  accepted(eventName, source).replace('accepted', 'rejected');

/** Seen all the time, unless told otherwise. */
const scrapes = (samples: number, up = gauge(1, samples)): Record<string, string> => ({
  'up{job="headgate",instance="gate-1"}': up,
  'headgate_gate_processes{job="headgate",instance="gate-1"}': gauge(1, samples),
});

const weekLong = { interval: '10m', at: '8d' } as const;
const eightDays = 8 * day + 1;
const shop = { source: 'shop', event_name: 'order_completed' };

const volume: readonly Scenario[] = [
  {
    title: 'a fall of 30% from 1,200 an hour',
    series: { [accepted()]: counter([week + day - hour, 200], [hour, 140]) },
    fires: [{ ...shop, severity: 'warn' }],
    says: {
      summary: 'Ask the owners of shop why order_completed comes so much less than a week ago.',
      description:
        'In the last hour 30% fewer events were accepted than in the same hour last week.',
    },
  },
  {
    title: 'the series is gone, because the process was started with other contracts',
    series: { [accepted()]: `${counter([week + day - 2 * hour, 200])} ${missing(2 * hour)}` },
    fires: [{ ...shop, severity: 'warn' }],
  },
  {
    title: 'one source falls silent and another goes on',
    series: {
      [accepted()]: counter([week + day - 2 * hour, 100], [2 * hour, 0]),
      [accepted('order_completed', 'app')]: counter([week + day, 1000]),
    },
    fires: [{ ...shop, severity: 'warn' }],
  },
  {
    title: 'as many as last week',
    series: { [accepted()]: counter([week + day, 200]) },
    fires: [],
  },
  {
    title: 'a fall of 10%',
    series: { [accepted()]: counter([week + day - hour, 200], [hour, 180]) },
    fires: [],
  },
  {
    title: '36 instead of 60 an hour, which is chance',
    series: { [accepted()]: counter([week + day - hour, 10], [hour, 6]) },
    fires: [],
  },
  {
    title: '12 an hour, and then none: too few to say anything',
    series: { [accepted()]: counter([week + day - 2 * hour, 2], [2 * hour, 0]) },
    fires: [],
  },
  {
    title: 'the scrape has failed for half an hour',
    series: {
      [accepted()]: `${counter([week + day - 3, 200])} ${missing(3)}`,
      ...scrapes(eightDays, `${gauge(1, week + day - 2)} ${gauge(0, 3)}`),
    },
    fires: [],
  },
  {
    title: 'a restart, after which the counter begins at 0',
    series: {
      [accepted()]: `${counter([week + day - 3, 200])} 200 400 600`,
    },
    fires: [],
  },
  {
    title: 'another process takes over',
    series: {
      [accepted()]: `${counter([week + day - 3, 200])} ${missing(3)}`,
      [accepted('order_completed', 'shop', 'gate-2')]:
        `${missing(week + day - 3)} ${counter([3, 200])}`,
    },
    fires: [],
  },
].map((scenario) => ({
  ...weekLong,
  alert: 'HeadgateVolumeDropped',
  ...scenario,
  series: { ...scrapes(eightDays), ...scenario.series },
}));

const silent: readonly Scenario[] = [
  {
    title: 'an event of every minute has not come for 40 minutes',
    series: { [accepted()]: counter([week + day - 4, 10], [4, 0]) },
    fires: [{ event_name: 'order_completed', severity: 'page' }],
    says: {
      summary:
        'Nobody sends order_completed any more: look at the sources that did, and at what they deployed.',
      description: 'There were 30 in the same time before, and there is none now.',
    },
  },
  {
    title: 'its series is gone',
    series: { [accepted()]: `${counter([week + day - 4, 10])} ${missing(5)}` },
    fires: [{ event_name: 'order_completed', severity: 'page' }],
  },
  {
    title: 'an event of every hour has not come for a day',
    series: {
      [accepted()]: `0 ${Array.from({ length: 7 * 24 - 1 }, (_, index) => `${index + 1}x5`).join(' ')} ${gauge(167, day + 2 * hour)}`,
    },
    fires: [{ event_name: 'order_completed', severity: 'page' }],
  },
  {
    title: 'one source stops, and another still sends it',
    series: {
      [accepted()]: counter([week + day - 4, 10], [4, 0]),
      [accepted('order_completed', 'app')]: counter([week + day, 10]),
    },
    fires: [],
  },
  {
    title: 'it never comes at this time of the day',
    series: {
      [accepted()]: counter(
        ...Array.from({ length: 8 }).flatMap(() => [[120, 10] as const, [24, 0] as const]),
      ),
    },
    fires: [],
  },
  {
    title: 'it came yesterday, but does not on this day of the week',
    series: { [accepted()]: counter([hour * 4, 0], [week - hour * 8, 10], [day + hour * 4, 0]) },
    at: '7d4h',
    fires: [],
  },
  {
    title: 'the scrape has failed',
    series: {
      [accepted()]: `${counter([week + day - 4, 10])} ${missing(4)}`,
      ...scrapes(eightDays, `${gauge(1, week + day - 3)} ${gauge(0, 4)}`),
    },
    fires: [],
  },
].map((scenario) => ({
  ...weekLong,
  alert: 'HeadgateEventSilent',
  ...scenario,
  series: { ...scrapes(eightDays), ...scenario.series },
}));

/** Every 5 minutes: an hour is 12 samples, a day 288. */
const fiveMinutes = { interval: '5m', at: '26h' } as const;
const before = 25 * 12;

const contracts: readonly Scenario[] = [
  {
    alert: 'HeadgateValidationFailureSpike',
    title: 'a tenth of what comes is refused, all of a sudden',
    series: {
      [accepted()]: counter([before, 200], [12, 180]),
      [rejected()]: counter([before, 0], [12, 20]),
    },
    fires: [{ ...shop, severity: 'warn' }],
    says: {
      summary:
        'Show shop why order_completed is refused: headgate rejected list --event order_completed.',
      description:
        '10% of the last ten minutes were refused, more than three times as many as usual.',
    },
  },
  {
    alert: 'HeadgateValidationFailureSpike',
    title: 'a producer that is new',
    series: {
      [accepted()]: `${missing(before + 4)} ${counter([9, 0])}`,
      [rejected()]: `${missing(before + 4)} ${counter([9, 20])}`,
    },
    fires: [{ ...shop, severity: 'warn' }],
  },
  {
    alert: 'HeadgateValidationFailureSpike',
    title: 'a tenth of it always is',
    series: {
      [accepted()]: counter([before + 12, 180]),
      [rejected()]: counter([before + 12, 20]),
    },
    fires: [],
  },
  {
    alert: 'HeadgateValidationFailureSpike',
    title: 'all of it is, but these are ten',
    series: {
      [accepted()]: counter([before, 5], [12, 0]),
      [rejected()]: counter([before, 0], [12, 5]),
    },
    fires: [],
  },
  {
    alert: 'HeadgateValidationFailureChronic',
    title: 'one in twenty, all day',
    series: {
      [accepted()]: counter([before + 12, 95]),
      [rejected()]: counter([before + 12, 5]),
    },
    fires: [{ ...shop, severity: 'warn' }],
    says: {
      summary: 'Fix order_completed of shop or its contract: it has been refused all day.',
      description: '5% of a day were refused.',
    },
  },
  {
    alert: 'HeadgateValidationFailureChronic',
    title: 'one in a hundred',
    series: {
      [accepted()]: counter([before + 12, 99]),
      [rejected()]: counter([before + 12, 1]),
    },
    fires: [],
  },
  {
    alert: 'HeadgateValidationFailureChronic',
    title: 'half of some forty a day',
    series: {
      [accepted()]: `${counter([before, 0])} 20x12`,
      [rejected()]: `${counter([before, 0])} 20x12`,
    },
    fires: [],
  },
  {
    alert: 'HeadgateProducerBadDeploy',
    title: 'one source sends two events that are refused, another goes on',
    series: {
      [accepted('order_completed')]: counter([before, 100], [12, 50]),
      [rejected('order_completed')]: counter([before, 0], [12, 50]),
      [accepted('invoice_paid')]: counter([before, 100], [12, 80]),
      [rejected('invoice_paid')]: counter([before, 0], [12, 20]),
      [accepted('order_completed', 'app')]: counter([before + 12, 1000]),
      [rejected('order_completed', 'app')]: counter([before + 12, 0]),
      'headgate_validation_failures_total{source="shop",event_name="order_completed",code="schema_violation"}':
        counter([before, 0], [12, 50]),
      'headgate_validation_failures_total{source="shop",event_name="invoice_paid",code="missing_identity"}':
        counter([before, 0], [12, 20]),
    },
    at: '25h20m',
    fires: [{ source: 'shop', severity: 'page' }],
    says: {
      summary:
        'Roll back what shop has just deployed, or tell its owners; then replay what was refused.',
      description:
        '35% of what shop sent in ten minutes was refused, most of it order_completed for schema_violation.',
    },
  },
  {
    alert: 'HeadgateProducerBadDeploy',
    title: 'a third of what the source sends is always refused',
    series: {
      [accepted()]: counter([before + 12, 200]),
      [rejected()]: counter([before + 12, 100]),
    },
    at: '25h20m',
    fires: [],
  },
  {
    alert: 'HeadgateProducerBadDeploy',
    title: 'half of ten events',
    series: {
      [accepted()]: counter([before, 5], [12, 3]),
      [rejected()]: counter([before, 0], [12, 3]),
    },
    at: '25h20m',
    fires: [],
  },
  {
    alert: 'HeadgateEnforcementSuspended',
    title: 'on one gate of two, for over an hour',
    series: {
      'headgate_enforcement_suspended{instance="gate-1"}': gauge(1, 20),
      'headgate_enforcement_suspended{instance="gate-2"}': gauge(0, 20),
    },
    at: '65m',
    fires: [{ severity: 'warn' }],
    says: {
      summary:
        'Set enforcement back to on: for an hour no event has been refused for its contract.',
      description: 'The setting enforcement is warn on at least one gate.',
    },
  },
  {
    alert: 'HeadgateEnforcementSuspended',
    title: 'for half an hour',
    series: { headgate_enforcement_suspended: `${gauge(1, 6)} ${gauge(0, 14)}` },
    at: '65m',
    fires: [],
  },
].map((scenario) => ({ ...fiveMinutes, ...scenario }));

const up = (source: string, instance: string): string =>
  `headgate_nats_intake_up{source="${source}",instance="${instance}"}`;
const pending = (source: string, instance = 'gate-1'): string =>
  `headgate_nats_intake_pending{source="${source}",instance="${instance}"}`;
const acknowledged = (source: string, outcome = 'stored'): string =>
  `headgate_nats_intake_messages_total{source="${source}",outcome="${outcome}",instance="gate-1"}`;
const stalledSummary =
  'Find out why no events of orders are taken from its stream (headgate doctor, runbook): they wait there.';

const natsIntake: readonly Scenario[] = [
  {
    title: 'no gate can read the stream',
    series: { [up('orders', 'gate-1')]: gauge(0, 20), [up('orders', 'gate-2')]: gauge(0, 20) },
    fires: [{ source: 'orders', severity: 'warn' }],
    says: {
      summary: stalledSummary,
      description: 'No gate can read the stream or its consumer.',
    },
  },
  {
    title: 'one gate of two can read it',
    series: { [up('orders', 'gate-1')]: gauge(0, 20), [up('orders', 'gate-2')]: gauge(1, 20) },
    fires: [],
  },
  {
    title: 'messages wait and none is acknowledged, as two gates say',
    series: {
      [up('orders', 'gate-1')]: gauge(1, 20),
      [pending('orders')]: gauge(1500, 20),
      [pending('orders', 'gate-2')]: gauge(1500, 20),
      [acknowledged('orders')]: counter([20, 0]),
      [acknowledged('orders', 'retry')]: counter([20, 50]),
    },
    fires: [{ source: 'orders', severity: 'warn' }],
    says: {
      summary: stalledSummary,
      description: '1.5k messages wait, and none was acknowledged.',
    },
  },
  {
    title: 'messages wait and go into quarantine, or none waits',
    series: {
      [up('orders', 'gate-1')]: gauge(1, 20),
      [up('bills', 'gate-1')]: gauge(1, 20),
      [pending('orders')]: gauge(1500, 20),
      [acknowledged('orders', 'quarantined')]: counter([20, 1]),
      [pending('bills')]: gauge(0, 20),
      [acknowledged('bills')]: counter([20, 0]),
    },
    fires: [],
  },
].map((scenario) => ({
  ...fiveMinutes,
  at: '65m',
  alert: 'HeadgateNatsIntakeStalled',
  ...scenario,
}));

export const intakeScenarios: readonly Scenario[] = [
  ...volume,
  ...silent,
  ...natsIntake,
  ...contracts,
];
