import type { Dashboard } from '../dashboard.ts';
import { thresholds } from '../thresholds.ts';

const own = 'destination="$destination"';
const gone = `sum(rate(headgate_deliveries_total{${own}, outcome!="retried"}[$__rate_interval]))`;
const latency = (quantile: number): string =>
  `histogram_quantile(${quantile}, sum by (le) (rate(headgate_delivery_latency_seconds_bucket{${own}}[$__rate_interval])))`;

export const oneDestination: Dashboard = {
  uid: 'headgate-destination',
  title: 'Headgate: one destination',
  description: 'What it is given, how late, what waits and what was given up.',
  about: 'destination',
  rows: [
    {
      title: 'Now',
      panels: [
        {
          title: 'Parked',
          description: '1 while it is away.',
          kind: 'figure',
          unit: 'short',
          redFrom: 1,
          queries: [{ expression: `max(headgate_destination_parked{${own}})`, legend: 'parked' }],
        },
        {
          title: 'Disabled',
          description: '1 when it has said that it wants nothing more.',
          kind: 'figure',
          unit: 'short',
          redFrom: 1,
          queries: [
            { expression: `max(headgate_destination_disabled{${own}})`, legend: 'disabled' },
          ],
        },
        {
          title: 'Paused for',
          description: 'How long ago an operator paused it; 0 while it is not paused.',
          kind: 'figure',
          unit: 's',
          redFrom: thresholds.paused.warnSeconds,
          queries: [
            {
              expression: `time() - max(headgate_destination_paused_timestamp_seconds{${own}} > 0) or vector(0)`,
              legend: 'paused',
            },
          ],
        },
        {
          title: 'Waiting',
          description: 'Events it has not been given yet.',
          kind: 'figure',
          unit: 'short',
          redFrom: thresholds.backlog.eventsMin,
          queries: [{ expression: `max(headgate_destination_pending{${own}})`, legend: 'waiting' }],
        },
        {
          title: 'Oldest waiting',
          description: 'How long ago the oldest event that waits was stored; 0 when none waits.',
          kind: 'figure',
          unit: 's',
          redFrom: thresholds.backlog.ageSecondsMax,
          queries: [
            {
              expression: `time() - max(headgate_destination_oldest_timestamp_seconds{${own}} > 0) or vector(0)`,
              legend: 'old',
            },
          ],
        },
        {
          title: 'Dead letters',
          description: 'Given up: headgate dead list has them.',
          kind: 'figure',
          unit: 'short',
          redFrom: 1,
          queries: [{ expression: `max(headgate_dead_letters{${own}})`, legend: 'dead letters' }],
        },
        {
          title: 'Oldest dead letter',
          description: 'How long it has been lying; 0 when there is none.',
          kind: 'figure',
          unit: 's',
          redFrom: thresholds.deadLetters.ageSecondsMax,
          queries: [
            {
              expression: `time() - max(headgate_dead_letter_oldest_timestamp_seconds{${own}} > 0) or vector(0)`,
              legend: 'old',
            },
          ],
        },
        {
          title: 'Time to drain',
          description: 'What waits, at the pace at which it goes out.',
          kind: 'figure',
          unit: 's',
          redFrom: thresholds.backlog.drainSecondsMax,
          queries: [
            {
              expression: `max(headgate_destination_pending{${own}}) / clamp_min(${gone}, 0.001)`,
              legend: 'to drain',
            },
          ],
        },
      ],
    },
    {
      title: 'Over time',
      panels: [
        {
          title: 'Attempts',
          description: 'Delivered, tried again, given up, not wanted.',
          kind: 'graph',
          unit: 'eps',
          queries: [
            {
              expression: `sum by (outcome) (rate(headgate_deliveries_total{${own}}[$__rate_interval]))`,
              legend: '{{outcome}}',
            },
          ],
        },
        {
          title: 'Delivery latency',
          description:
            'From accepted to delivered. After an outage it shows how long the outage was.',
          kind: 'graph',
          unit: 's',
          queries: [
            { expression: latency(0.5), legend: 'half of them' },
            { expression: latency(0.99), legend: '99 in 100' },
          ],
        },
        {
          title: 'Waiting and dead',
          description: 'Events that it has not been given.',
          kind: 'graph',
          unit: 'short',
          width: 24,
          queries: [
            { expression: `max(headgate_destination_pending{${own}})`, legend: 'waiting' },
            { expression: `max(headgate_dead_letters{${own}})`, legend: 'dead' },
          ],
        },
      ],
    },
  ],
};
