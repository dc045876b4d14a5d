import { accessScenarios } from './access-scenarios.ts';
import { auditScenarios } from './audit-scenarios.ts';
import { keyScenarios } from './key-scenarios.ts';
import { counter, gauge, missing, stream, type Scenario } from './scenario.ts';
import { sourceLimitScenarios } from './source-limit-scenarios.ts';

/** Every 5 minutes: an hour is 12 samples. */
const common = { interval: '5m', at: '65m' } as const;

const events = { stream: 'EVENTS' };

const eventsMissing: readonly Scenario[] = [
  {
    title: 'two gates tell of the same lost events',
    series: {
      'headgate_log_missing_events{instance="gate-1"}': gauge(1227, 40),
      'headgate_log_missing_events{instance="gate-2"}': gauge(1227, 40),
    },
    fires: [{ severity: 'page' }],
    says: {
      summary:
        'Find out what damaged the log (runbook), and let the producers send again: accepted events are lost.',
      description:
        '1227 accepted events are gone from the log, and no deletion of them is recorded.',
    },
  },
  {
    title: 'nothing is missing',
    series: { 'headgate_log_missing_events{instance="gate-1"}': gauge(0, 40) },
    fires: [],
  },
].map((scenario) => ({ ...common, alert: 'HeadgateEventsMissing', ...scenario }));

const store: readonly Scenario[] = [
  {
    title: '85% full, as two gates tell',
    series: {
      ...stream('EVENTS', gauge(850, 40), 1000),
      ...stream('EVENTS', gauge(850, 40), 1000, 'gate-2'),
    },
    fires: [{ ...events, severity: 'warn' }],
    says: {
      summary:
        'Make room in EVENTS or raise log.storage_bytes_max: when it is full, events are answered with retry.',
      description: '85% of EVENTS is taken by what cannot be deleted.',
    },
  },
  {
    title: '96% full',
    series: stream('DEAD', gauge(960, 40), 1000),
    fires: [
      { stream: 'DEAD', severity: 'warn' },
      { stream: 'DEAD', severity: 'page' },
    ],
  },
  {
    title: '70% full, and full in two hours at this pace',
    series: stream('EVENTS', '500+15x39', 1000),
    fires: [{ ...events, severity: 'page' }],
    says: {
      summary:
        'Make room in EVENTS now (runbook): it is full, or will be within four hours, and then takes nothing more.',
      description: 'At the rate of the last hour, EVENTS has room for 1h 41m 40s.',
    },
  },
  {
    title: '79% full and growing fast, and half of it can be deleted',
    series: {
      ...stream('EVENTS', '530+20x39', 1000),
      'headgate_stream_held_bytes{stream="EVENTS",instance="worker-1"}': gauge(400, 40),
    },
    fires: [],
  },
  {
    title: '79% full for long, and what a destination holds grows',
    series: {
      ...stream('EVENTS', gauge(790, 40), 1000),
      'headgate_stream_held_bytes{stream="EVENTS",instance="worker-1"}': '500+15x39',
    },
    fires: [{ ...events, severity: 'page' }],
  },
  {
    title: '70% full, and it stays so',
    series: stream('EVENTS', gauge(700, 40), 1000),
    fires: [],
  },
  {
    title: 'it grows, but there is room enough',
    series: stream('EVENTS', '0+10x39', 1000),
    fires: [],
  },
  {
    title: 'rejected events, most of which were refused and make room for new ones',
    series: stream('REJECTED', gauge(1000, 40), 1000),
    fires: [],
  },
].map((scenario) => ({ ...common, alert: 'HeadgateStoreFilling', ...scenario }));

const share = (source: string, bytes: string, bytesMax: number, instance = 'gate-1') => ({
  [`headgate_quarantine_bytes{source="${source}",instance="${instance}"}`]: bytes,
  [`headgate_quarantine_bytes_max{source="${source}",instance="${instance}"}`]: gauge(bytesMax, 40),
});

const quarantine: readonly Scenario[] = [
  {
    title: '85% of a share, as two gates tell',
    series: {
      ...share('shop', gauge(850, 40), 1000),
      ...share('shop', gauge(850, 40), 1000, 'gate-2'),
      ...share('billing', gauge(10, 40), 1000),
    },
    fires: [{ source: 'shop', severity: 'warn' }],
    says: {
      summary:
        'Replay or discard the rejected events of shop: when its share is full, its next ones are answered with retry.',
      description: 'shop has filled 85% of its share of quarantine.',
    },
  },
  { title: '80% of a share', series: share('shop', gauge(800, 40), 1000), fires: [] },
].map((scenario) => ({ ...common, alert: 'HeadgateQuarantineFilling', ...scenario }));

const reached = (seconds: string, instance = 'worker-1') => ({
  [`headgate_log_reached_retention_seconds{instance="${instance}"}`]: seconds,
});

const retention: readonly Scenario[] = [
  {
    title: 'one of two workers deletes events after six hours',
    series: { ...reached(gauge(21_600, 40)), ...reached(gauge(0, 40), 'worker-2') },
    fires: [{ severity: 'warn' }],
    says: {
      summary:
        'Raise log.storage_bytes_max, or shorten log.retention to what the log can hold (runbook): events are deleted earlier.',
      description: 'The log keeps events for 6h 0m 0s.',
    },
  },
  { title: 'no event is deleted early', series: reached(gauge(0, 40)), fires: [] },
].map((scenario) => ({ ...common, alert: 'HeadgateRetentionShortened', ...scenario }));

/** Publishes each 5 minutes, of which so many took less than 0.5 s, and the others less than 1 s. */
const publishes = (all: number, fast: number): Record<string, string> => ({
  'headgate_publish_duration_seconds_bucket{le="0.5"}': counter([40, fast]),
  'headgate_publish_duration_seconds_bucket{le="1"}': counter([40, all]),
  'headgate_publish_duration_seconds_bucket{le="+Inf"}': counter([40, all]),
  headgate_publish_duration_seconds_count: counter([40, all]),
});

const acknowledgement: readonly Scenario[] = [
  {
    title: 'one in ten waits for over half a second',
    series: publishes(3000, 2700),
    fires: [{ severity: 'page' }],
    says: {
      summary: 'Look at the disk and the cluster of NATS: callers wait for their acknowledgements.',
      description: 'One event in a hundred waits for 950ms or more until it is stored.',
    },
  },
  { title: 'one in a thousand does', series: publishes(3000, 2997), fires: [] },
  { title: 'three in five minutes do, and nothing else comes', series: publishes(3, 0), fires: [] },
].map((scenario) => ({ ...common, alert: 'HeadgateAcknowledgementSlow', ...scenario }));

const target: readonly Scenario[] = [
  {
    title: 'a scrape fails for ten minutes',
    series: {
      'up{job="headgate",instance="gate-1"}': `${gauge(1, 20)} ${gauge(0, 20)}`,
      'up{job="headgate",instance="gate-2"}': gauge(1, 40),
    },
    interval: '1m',
    at: '32m',
    fires: [{ job: 'headgate', instance: 'gate-1', severity: 'page' }],
    says: {
      summary:
        'Start Headgate again, or fix its scrape (target gate-1): until then no other alert can be trusted.',
      description: 'Prometheus cannot read the metrics of headgate gate-1.',
    },
  },
  {
    title: 'there is no target any more',
    series: { 'up{job="headgate",instance="gate-1"}': `${gauge(1, 10)} ${missing(30)}` },
    interval: '1m',
    at: '32m',
    fires: [{ severity: 'page' }],
  },
  {
    title: 'two scrapes fail',
    series: { 'up{job="headgate",instance="gate-1"}': `${gauge(1, 28)} 0 0 ${gauge(1, 20)}` },
    interval: '1m',
    at: '32m',
    fires: [],
  },
  {
    title: 'something else is down',
    series: { 'up{job="headgate"}': gauge(1, 40), 'up{job="node"}': gauge(0, 40) },
    interval: '1m',
    at: '32m',
    fires: [],
  },
].map((scenario) => ({ ...common, alert: 'HeadgateTargetDown', ...scenario }));

const heartbeat = (interval: number, arrived: string): Record<string, string> => ({
  'headgate_canary_interval_seconds{instance="gate-1"}': gauge(interval, 60),
  'headgate_canary_arrived_timestamp_seconds{instance="gate-1"}': arrived,
});

const heartbeats: readonly Scenario[] = [
  {
    title: 'none has come through for half an hour',
    series: heartbeat(15, gauge(0, 60)),
    fires: [{ instance: 'gate-1', severity: 'page' }],
    says: {
      summary:
        'Find what is broken between the endpoint and a worker (headgate doctor): heartbeats of gate-1 do not arrive.',
      description: 'The newest that came through was sent 30m 0s ago.',
    },
  },
  { title: 'they come through', series: heartbeat(15, '0+60x59'), fires: [] },
  {
    title: 'one a quarter of an hour, of which one was lost',
    series: heartbeat(900, gauge(0, 60)),
    fires: [],
  },
  { title: 'none is sent', series: heartbeat(0, gauge(0, 60)), fires: [] },
].map((scenario) => ({
  ...scenario,
  interval: '1m',
  at: '30m',
  alert: 'HeadgateHeartbeatLate',
}));

const servers = (always: number, lazy: number, unknown: number): Record<string, string> => ({
  'headgate_log_servers{instance="gate-1",sync="always"}': gauge(always, 60),
  'headgate_log_servers{instance="gate-1",sync="lazy"}': gauge(lazy, 60),
  'headgate_log_servers{instance="gate-1",sync="unknown"}': gauge(unknown, 60),
});

const syncs: readonly Scenario[] = [
  {
    title: 'one of three syncs late',
    series: servers(2, 1, 0),
    fires: [{ sync: 'lazy', severity: 'warn' }],
    says: {
      summary:
        'Set sync_interval: always on every node of NATS (runbook): a power cut of one node can lose acknowledged events.',
      description: '1 nodes that hold the log acknowledge before they sync, or do not say (lazy).',
    },
  },
  {
    title: 'three do not say',
    series: servers(0, 0, 3),
    fires: [{ sync: 'unknown', severity: 'warn' }],
  },
  { title: 'all sync first', series: servers(3, 0, 0), fires: [] },
  { title: 'there is no cluster', series: servers(0, 0, 0), fires: [] },
].map((scenario) => ({
  ...scenario,
  interval: '1m',
  at: '45m',
  alert: 'HeadgateLogSyncsLate',
}));

const requests = (code: string): string =>
  `headgate_requests_total{rpc="Track",protocol="grpc",code="${code}"}`;

const objectives: readonly Scenario[] = [
  {
    title: 'one request in fifty is not answered, for over an hour',
    series: {
      [requests('ok')]: counter([300, 1000], [14, 980]),
      [requests('unavailable')]: counter([300, 0], [14, 20]),
    },
    at: '26h',
    fires: [{ slo: 'requests', severity: 'page' }],
    says: {
      summary:
        'Headgate refuses what it should take (requests): look at NATS first, then at the gates.',
      description: '2% of the requests fail; the objective is 99.9% in 30 days.',
    },
  },
  {
    title: 'requests are answered, and one event in fifty is answered with retry',
    series: {
      [requests('ok')]: counter([28, 1000]),
      'headgate_events_total{outcome="accepted"}': counter([28, 9800]),
      'headgate_events_total{outcome="retry"}': counter([28, 200]),
    },
    at: '135m',
    fires: [
      { slo: 'events', severity: 'page' },
      { slo: 'events', severity: 'warn' },
    ],
  },
  {
    title: 'four in a thousand, for a day',
    series: {
      [requests('ok')]: counter([310, 996]),
      [requests('internal')]: counter([310, 4]),
    },
    at: '25h',
    fires: [{ slo: 'requests', severity: 'warn' }],
  },
  {
    title: 'one in two thousand, for a day',
    series: {
      [requests('ok')]: counter([310, 1999]),
      [requests('internal')]: counter([310, 1]),
    },
    at: '25h',
    fires: [],
  },
  {
    title: 'half of it is the fault of callers',
    series: {
      [requests('ok')]: counter([28, 500]),
      [requests('unavailable')]: counter([28, 0]),
      [requests('invalid_argument')]: counter([28, 400]),
      [requests('unauthenticated')]: counter([28, 100]),
    },
    at: '135m',
    fires: [],
  },
  {
    title: 'it was bad, and is over',
    series: {
      [requests('ok')]: counter([300, 1000], [6, 980], [8, 1000]),
      [requests('unavailable')]: counter([300, 0], [6, 20], [8, 0]),
    },
    at: '26h',
    fires: [],
  },
].map((scenario) => ({ ...common, alert: 'HeadgateErrorBudgetBurning', ...scenario }));

const limited = (limit: string): string => `headgate_callers_limited_total{limit="${limit}"}`;

const callers: readonly Scenario[] = [
  {
    title: 'two requests a second wait for a budget',
    series: {
      [limited('keyless_turn')]: counter([60, 600]),
      [limited('keyed_memory')]: counter([60, 1]),
    },
    fires: [{ limit: 'keyless_turn', severity: 'warn' }],
    says: {
      summary:
        'Find who sends so much (the log line "callers use up a budget" names the address or source): keyless_turn is used up.',
      description:
        '2 requests or connections a second are refused, end or wait because of keyless_turn.',
    },
  },
  {
    title: 'one request a second, and no more',
    series: { [limited('keyless_turn')]: counter([60, 300]) },
    fires: [],
  },
  {
    title: 'a connection every five seconds makes room for another',
    series: { [limited('connections')]: counter([60, 60]) },
    fires: [{ limit: 'connections', severity: 'warn' }],
  },
  {
    title: 'a connection every ten seconds, and no more',
    series: { [limited('connections')]: counter([60, 30]) },
    fires: [],
  },
].map((scenario) => ({ ...common, alert: 'HeadgateCallersLimited', ...scenario }));

export const gateScenarios: readonly Scenario[] = [
  ...eventsMissing,
  ...store,
  ...quarantine,
  ...auditScenarios,
  ...retention,
  ...acknowledgement,
  ...callers,
  ...sourceLimitScenarios,
  ...accessScenarios,
  ...syncs,
  ...heartbeats,
  ...keyScenarios,
  ...target,
  ...objectives,
];
