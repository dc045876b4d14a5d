import type { Dashboard } from '../dashboard.ts';
import { jobs, heldPerStream, perStream } from '../series.ts';
import { thresholds } from '../thresholds.ts';

const quantile = (share: number, metric: string): string =>
  `histogram_quantile(${share}, sum by (le) (rate(${metric}_bucket[$__rate_interval])))`;

const now: Dashboard['rows'][number] = {
  title: 'Now',
  panels: [
    {
      title: 'Processes seen',
      description: 'Of Headgate, by Prometheus.',
      kind: 'figure',
      unit: 'short',
      queries: [{ expression: `sum(up{${jobs}})`, legend: 'up' }],
    },
    {
      title: 'Gates open',
      description: 'Processes that take events.',
      kind: 'figure',
      unit: 'short',
      queries: [{ expression: 'sum(headgate_gate_processes)', legend: 'gates' }],
    },
    {
      title: 'Contracts suspended',
      description: '1 while no event is refused for its contract.',
      kind: 'figure',
      unit: 'short',
      redFrom: 1,
      queries: [{ expression: 'max(headgate_enforcement_suspended)', legend: 'suspended' }],
    },
    {
      title: 'Unsound contracts',
      description: 'Entries of the registry that are not in force.',
      kind: 'figure',
      unit: 'short',
      redFrom: 1,
      queries: [{ expression: 'max(headgate_registry_bad_entries)', legend: 'entries' }],
    },
    {
      title: 'Fullest stream',
      description:
        'Of those that take no more when they are full: what it holds of what it may, without what can be deleted to make room.',
      kind: 'figure',
      unit: 'percentunit',
      redFrom: thresholds.store.warnRatio,
      queries: [
        {
          expression: `max((${heldPerStream()}) / ${perStream('headgate_stream_bytes_max')})`,
          legend: 'full',
        },
      ],
    },
    {
      title: 'Failing requests',
      description: 'In the last hour; the objective is 0.1%.',
      kind: 'figure',
      unit: 'percentunit',
      redFrom: thresholds.objective.errorBudget,
      queries: [
        {
          expression: 'slo:headgate_failures:ratio_rate1h{slo="requests"} or vector(0)',
          legend: 'failing',
        },
      ],
    },
  ],
};

const doors: Dashboard['rows'][number] = {
  title: 'Endpoints',
  panels: [
    {
      title: 'Requests',
      description: 'By gRPC code, at every endpoint.',
      kind: 'graph',
      unit: 'eps',
      queries: [
        {
          expression: 'sum by (code) (rate(headgate_requests_total[$__rate_interval])) > 0',
          legend: '{{code}}',
        },
      ],
    },
    {
      title: 'Requests by endpoint',
      description: 'How they came.',
      kind: 'graph',
      unit: 'eps',
      queries: [
        {
          expression:
            'sum by (rpc, protocol) (rate(headgate_requests_total[$__rate_interval])) > 0',
          legend: '{{rpc}}, {{protocol}}',
        },
      ],
    },
    {
      title: 'Answer time',
      description: 'From the first byte of a request to its answer.',
      kind: 'graph',
      unit: 's',
      queries: [
        { expression: quantile(0.5, 'headgate_request_duration_seconds'), legend: 'half of them' },
        { expression: quantile(0.99, 'headgate_request_duration_seconds'), legend: '99 in 100' },
      ],
    },
    {
      title: 'Acknowledgement',
      description: 'From handing an event to the log until it is stored as promised.',
      kind: 'graph',
      unit: 's',
      queries: [
        { expression: quantile(0.5, 'headgate_publish_duration_seconds'), legend: 'half of them' },
        { expression: quantile(0.99, 'headgate_publish_duration_seconds'), legend: '99 in 100' },
      ],
    },
  ],
};

const inside: Dashboard['rows'][number] = {
  title: 'Log and processes',
  panels: [
    {
      title: 'Heartbeat',
      description:
        'How long ago the newest one that came through was sent; nothing where HEADGATE_CANARY_INTERVAL is unset.',
      kind: 'graph',
      unit: 's',
      width: 24,
      queries: [
        {
          expression:
            'time() - headgate_canary_arrived_timestamp_seconds and headgate_canary_interval_seconds > 0',
          legend: '{{instance}}',
        },
      ],
    },
    {
      title: 'Streams',
      description: 'What each holds.',
      kind: 'graph',
      unit: 'bytes',
      queries: [{ expression: perStream('headgate_stream_bytes'), legend: '{{stream}}' }],
    },
    {
      title: 'Quarantine',
      description: 'How much of its share each source has filled. A full one answers with retry.',
      kind: 'graph',
      unit: 'percentunit',
      queries: [
        {
          expression:
            'max by (source) (headgate_quarantine_bytes) / max by (source) (headgate_quarantine_bytes_max)',
          legend: '{{source}}',
        },
      ],
    },
    {
      title: 'Event loop',
      description: 'How late a process gets to what it has to do, 99 times in 100.',
      kind: 'graph',
      unit: 's',
      queries: [
        { expression: `nodejs_eventloop_lag_p99_seconds{${jobs}}`, legend: '{{instance}}' },
      ],
    },
    {
      title: 'CPU',
      description: 'Cores in use; of the first process where there are several.',
      kind: 'graph',
      unit: 'short',
      queries: [
        {
          expression: `rate(process_cpu_seconds_total{${jobs}}[$__rate_interval])`,
          legend: '{{instance}}',
        },
      ],
    },
    {
      title: 'Memory',
      description: 'Resident; of the first process where there are several.',
      kind: 'graph',
      unit: 'bytes',
      queries: [{ expression: `process_resident_memory_bytes{${jobs}}`, legend: '{{instance}}' }],
    },
  ],
};

const lagOfRelays = (share: number): string =>
  `histogram_quantile(${share}, sum by (relay, le) (rate(headgate_relay_lag_seconds_bucket[$__rate_interval])))`;

const relays: Dashboard['rows'][number] = {
  title: 'Relays',
  panels: [
    {
      title: 'Lag of relays',
      description:
        'From a relay taking an event until it is here. Includes the difference of the two clocks.',
      kind: 'graph',
      unit: 's',
      queries: [
        { expression: lagOfRelays(0.5), legend: '{{relay}}, half of them' },
        { expression: lagOfRelays(0.99), legend: '{{relay}}, 99 in 100' },
      ],
    },
    {
      title: 'Events of relays',
      description: 'By verdict. A rejected one is a dead letter of the relay.',
      kind: 'graph',
      unit: 'eps',
      queries: [
        {
          expression:
            'sum by (relay, outcome) (rate(headgate_relayed_events_total[$__rate_interval])) > 0',
          legend: '{{relay}}, {{outcome}}',
        },
      ],
    },
    {
      title: 'Relays that ask',
      description:
        'How many processes ask for the contracts, by the source of their key: each does every 10 seconds.',
      kind: 'graph',
      unit: 'short',
      width: 24,
      queries: [
        {
          expression:
            'sum by (relay) (rate(headgate_relay_contracts_requests_total{relay!="_other"}[$__rate_interval])) * 10',
          legend: '{{relay}}',
        },
      ],
    },
  ],
};

export const gateAndLog: Dashboard = {
  uid: 'headgate-gate',
  title: 'Headgate: gate and log',
  description: "The gate's own health: endpoints, acknowledgements, relays, the store, processes.",
  rows: [now, doors, relays, inside],
};
