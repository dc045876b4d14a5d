import { counter, gauge, missing, type Scenario } from './scenario.ts';

const of = (metric: string, labels = '', worker = 1): string =>
  `${metric}{instance="worker-${worker}",destination="crm"${labels}}`;
const crm = { destination: 'crm' };

/** Every 5 minutes: an hour is 12 samples. */
const common = { interval: '5m', at: '30m' } as const;

const deadLetters: readonly Scenario[] = [
  {
    alert: 'HeadgateDeadLettersDeep',
    title: '60, of which both workers tell',
    series: {
      [of('headgate_dead_letters', '', 1)]: gauge(60, 10),
      [of('headgate_dead_letters', '', 2)]: gauge(60, 10),
    },
    fires: [{ ...crm, severity: 'page' }],
    says: {
      summary:
        'Read why crm refuses events (headgate dead list --destination crm), fix it, replay them.',
      description: '60 events have not reached crm and never will by themselves.',
    },
  },
  {
    alert: 'HeadgateDeadLettersDeep',
    title: '30, of which both workers tell: not 60',
    series: {
      [of('headgate_dead_letters', '', 1)]: gauge(30, 10),
      [of('headgate_dead_letters', '', 2)]: gauge(30, 10),
    },
    fires: [],
  },
  {
    alert: 'HeadgateDeadLettersOld',
    title: 'one, written five hours ago',
    series: { [of('headgate_dead_letter_oldest_timestamp_seconds')]: gauge(3600, 80) },
    at: '6h',
    fires: [{ ...crm, severity: 'page' }],
    says: {
      summary:
        'Replay or discard the dead letters of crm: nobody has since the oldest was written.',
      description: 'The oldest has been there for 5h 0m 0s.',
    },
  },
  {
    alert: 'HeadgateDeadLettersOld',
    title: 'one, written three hours ago',
    series: { [of('headgate_dead_letter_oldest_timestamp_seconds')]: gauge(3 * 3600, 80) },
    at: '6h',
    fires: [],
  },
  {
    alert: 'HeadgateDeadLettersOld',
    title: 'none, which is the time 0',
    series: { [of('headgate_dead_letter_oldest_timestamp_seconds')]: gauge(0, 80) },
    at: '6h',
    fires: [],
  },
].map((scenario) => ({ ...common, ...scenario }));

const parkedSays = {
  summary:
    'Find out why crm does not answer (headgate destinations shows its last answer); its events wait meanwhile.',
  description: 'crm has been away for 10m or more. Nothing is lost until the store is full.',
};

const parked: readonly Scenario[] = [
  {
    alert: 'HeadgateDestinationParked',
    title: 'for a quarter of an hour, at one worker of two',
    series: {
      [of('headgate_destination_parked', '', 1)]: gauge(1, 20),
      [of('headgate_destination_parked', '', 2)]: gauge(0, 20),
    },
    at: '15m',
    fires: [{ ...crm, severity: 'warn' }],
    says: parkedSays,
  },
  {
    alert: 'HeadgateDestinationParked',
    title: 'for over an hour: it pages, too',
    series: { [of('headgate_destination_parked')]: gauge(1, 20) },
    at: '65m',
    fires: [
      { ...crm, severity: 'warn' },
      { ...crm, severity: 'page' },
    ],
  },
  {
    alert: 'HeadgateDestinationParked',
    title: 'for five minutes now and then',
    series: { [of('headgate_destination_parked')]: '0 1 0 0 1 0 0 1 0 0 1 0 0 1' },
    at: '65m',
    fires: [],
  },
  {
    alert: 'HeadgateDestinationParked',
    title: 'it wants nothing more, which is another alert',
    series: {
      [of('headgate_destination_parked')]: gauge(1, 20),
      [of('headgate_destination_disabled')]: gauge(1, 20),
    },
    at: '65m',
    fires: [],
  },
  {
    alert: 'HeadgateDestinationDisabled',
    title: 'it has said that it wants nothing more',
    series: {
      [of('headgate_destination_parked')]: gauge(1, 20),
      [of('headgate_destination_disabled')]: gauge(1, 20),
    },
    fires: [{ ...crm, severity: 'page' }],
    says: {
      summary:
        'crm has answered that it accepts no more events (410): ask its owner, then fix the URL or remove it, and restart the workers.',
      description: 'It is not tried again until the workers start anew; its events wait.',
    },
  },
  {
    alert: 'HeadgateDestinationDisabled',
    title: 'it is only parked',
    series: {
      [of('headgate_destination_parked')]: gauge(1, 20),
      [of('headgate_destination_disabled')]: gauge(0, 20),
    },
    fires: [],
  },
].map((scenario) => ({ ...common, ...scenario }));

const pausedAt = of('headgate_destination_paused_timestamp_seconds');
const waits = of('headgate_destination_pending');

/** Looked at after 26 hours, which are 312 samples: 79,200 s is four hours before. */
const paused: readonly Scenario[] = [
  {
    title: 'five hours ago, and one event waits: its worker has started anew since',
    series: {
      [pausedAt]: `${gauge(75_600, 300)} ${missing(3)} ${gauge(75_600, 20)}`,
      [waits]: gauge(1, 330),
    },
    fires: [{ ...crm, severity: 'warn' }],
    says: {
      summary:
        'Resume crm if the reason for its pause is gone (headgate destinations shows who paused it, and why): events wait for it.',
      description:
        'An operator paused it 5h 0m 0s ago. Its events wait, and the log keeps them until it runs short of room.',
    },
  },
  {
    title: 'yesterday: it pages, too',
    series: { [pausedAt]: gauge(3_600, 330), [waits]: gauge(9, 330) },
    fires: [
      { ...crm, severity: 'warn' },
      { ...crm, severity: 'page' },
    ],
  },
  {
    title: 'three hours ago',
    series: { [pausedAt]: gauge(82_800, 330), [waits]: gauge(9, 330) },
    fires: [],
  },
  {
    title: 'yesterday, and nothing waits',
    series: { [pausedAt]: gauge(3_600, 330), [waits]: gauge(0, 330) },
    fires: [],
  },
  {
    title: 'it is not paused, which is the time 0',
    series: { [pausedAt]: gauge(0, 330), [waits]: gauge(9, 330) },
    fires: [],
  },
].map((scenario) => ({
  ...common,
  at: '26h',
  alert: 'HeadgateDestinationPaused',
  ...scenario,
}));

const delivered = of('headgate_deliveries_total', ',outcome="delivered"');
const retried = of('headgate_deliveries_total', ',outcome="retried"');
const pending = of('headgate_destination_pending');
const away = of('headgate_destination_parked');
const isPaused = of('headgate_destination_paused');

const backlog: readonly Scenario[] = [
  {
    title: '7,200 wait, and one goes out a second',
    series: { [pending]: gauge(7200, 20), [delivered]: counter([20, 300]), [away]: gauge(0, 20) },
    fires: [{ ...crm, severity: 'warn' }],
    says: {
      summary:
        'Give crm more workers or a larger concurrency: at its pace the backlog lasts over an hour.',
      description: 'It would take 2h 0m 0s to deliver what waits for crm.',
    },
  },
  {
    title: 'nothing goes out at all: every attempt is made again',
    series: {
      [pending]: gauge(7200, 20),
      [delivered]: gauge(10, 20),
      [retried]: counter([20, 300]),
      [away]: gauge(0, 20),
    },
    fires: [{ ...crm, severity: 'warn' }],
  },
  {
    title: '7,200 wait, and ten go out a second',
    series: { [pending]: gauge(7200, 20), [delivered]: counter([20, 3000]), [away]: gauge(0, 20) },
    fires: [],
  },
  {
    title: 'some hundred wait',
    series: { [pending]: gauge(400, 20), [delivered]: gauge(10, 20), [away]: gauge(0, 20) },
    fires: [],
  },
  {
    title: 'it is parked, which is another alert',
    series: { [pending]: gauge(7200, 20), [delivered]: gauge(10, 20), [away]: gauge(1, 20) },
    fires: [],
  },
  {
    title: 'it is paused, which is another alert',
    series: { [pending]: gauge(7200, 20), [delivered]: gauge(10, 20), [isPaused]: gauge(1, 20) },
    fires: [],
  },
].map((scenario) => ({ ...common, at: '40m', alert: 'HeadgateBacklogSlow', ...scenario }));

const oldest = of('headgate_destination_oldest_timestamp_seconds');

const late: readonly Scenario[] = [
  {
    title: 'the oldest was stored two hours ago',
    series: { [oldest]: gauge(3600, 40), [away]: gauge(0, 40) },
    fires: [{ ...crm, severity: 'warn' }],
    says: {
      summary:
        'Find out why events for crm wait (headgate destinations, log lines "delivery failed"): it is neither parked nor paused, and the oldest is late.',
      description: 'The oldest was stored 2h 0m 0s ago.',
    },
  },
  {
    title: 'the oldest was stored half an hour ago',
    series: { [oldest]: gauge(9000, 40), [away]: gauge(0, 40) },
    fires: [],
  },
  {
    title: 'none waits, which is the time 0',
    series: { [oldest]: gauge(0, 40), [away]: gauge(0, 40) },
    fires: [],
  },
  {
    title: 'it is parked, which is another alert',
    series: { [oldest]: gauge(3600, 40), [away]: gauge(1, 40) },
    fires: [],
  },
  {
    title: 'it is paused, which is another alert',
    series: { [oldest]: gauge(3600, 40), [isPaused]: gauge(1, 40) },
    fires: [],
  },
].map((scenario) => ({ ...common, at: '3h', alert: 'HeadgateEventsLate', ...scenario }));

const missingTotal = (worker: number): string =>
  of('headgate_destination_missing_total', '', worker);

const missingDeliveries: readonly Scenario[] = [
  {
    title: 'one of two workers has found 150',
    series: {
      [missingTotal(1)]: `${gauge(0, 6)} ${gauge(150, 10)}`,
      [missingTotal(2)]: gauge(0, 16),
    },
    fires: [{ ...crm, severity: 'warn' }],
    says: {
      summary:
        'Find out what happened to NATS (runbook): events were settled and had not reached crm. They are delivered again.',
      description: '150 events were missing at crm when it was asked.',
    },
  },
  {
    title: 'the last find was two hours ago',
    series: { [missingTotal(1)]: gauge(150, 40) },
    at: '120m',
    fires: [],
  },
].map((scenario) => ({ ...common, alert: 'HeadgateDeliveriesMissing', at: '60m', ...scenario }));

export const deliveryScenarios: readonly Scenario[] = [
  ...deadLetters,
  ...parked,
  ...paused,
  ...backlog,
  ...late,
  ...missingDeliveries,
];
