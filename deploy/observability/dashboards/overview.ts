import type { Dashboard } from '../dashboard.ts';
import { acceptedHour, acceptedHourLastWeek, validated, perDestination } from '../series.ts';

const rate = (selector: string): string =>
  `sum(rate(headgate_events_total{${selector}}[$__rate_interval]))`;

export const overview: Dashboard = {
  uid: 'headgate-overview',
  title: 'Headgate: overview',
  description: 'Events in, failures, deliveries and dead letters: is all well?',
  rows: [
    {
      title: 'Now',
      panels: [
        {
          title: 'Accepted',
          description: 'Events stored, of all sources.',
          kind: 'figure',
          unit: 'eps',
          queries: [{ expression: rate('outcome="accepted"'), legend: 'accepted' }],
        },
        {
          title: 'Against last week',
          description: 'The last hour, as a share of the same hour a week ago.',
          kind: 'figure',
          unit: 'percentunit',
          queries: [
            {
              expression: `sum(${acceptedHour}) / (sum(${acceptedHourLastWeek}) > 0)`,
              legend: 'of last week',
            },
          ],
        },
        {
          title: 'Refused',
          description: 'Of what was validated, the share that broke its contract.',
          kind: 'figure',
          unit: 'percentunit',
          redFrom: 0.05,
          queries: [
            {
              expression: `${rate('outcome="rejected"')} / (${rate(validated)} > 0)`,
              legend: 'refused',
            },
          ],
        },
        {
          title: 'Dead letters',
          description: 'Events that reach their destination only when somebody replays them.',
          kind: 'figure',
          unit: 'short',
          redFrom: 1,
          queries: [
            {
              expression: `sum(${perDestination('headgate_dead_letters')})`,
              legend: 'dead letters',
            },
          ],
        },
        {
          title: 'Destinations away',
          description: 'Parked: their events wait.',
          kind: 'figure',
          unit: 'short',
          redFrom: 1,
          queries: [
            { expression: `sum(${perDestination('headgate_destination_parked')})`, legend: 'away' },
          ],
        },
        {
          title: 'Alerts',
          description: 'Those of Headgate that fire.',
          kind: 'figure',
          unit: 'short',
          redFrom: 1,
          queries: [
            {
              expression:
                'count(ALERTS{alertname=~"Headgate.*", alertstate="firing"}) or vector(0)',
              legend: 'firing',
            },
          ],
        },
      ],
    },
    {
      title: 'The three signals',
      panels: [
        {
          title: 'Events in',
          description: 'Accepted events by name.',
          kind: 'graph',
          unit: 'eps',
          width: 24,
          queries: [
            {
              expression:
                'sum by (event_name) (rate(headgate_events_total{outcome="accepted"}[$__rate_interval]))',
              legend: '{{event_name}}',
            },
          ],
        },
        {
          title: 'Failures',
          description: 'Rejected events by source, and events answered with retry.',
          kind: 'graph',
          unit: 'eps',
          queries: [
            {
              expression:
                'sum by (source) (rate(headgate_events_total{outcome="rejected"}[$__rate_interval]))',
              legend: 'refused, {{source}}',
            },
            { expression: rate('outcome="retry"'), legend: 'retry' },
          ],
        },
        {
          title: 'Deliveries and dead letters',
          description: 'What each destination was given, and what was given up for it.',
          kind: 'graph',
          unit: 'eps',
          queries: [
            {
              expression:
                'sum by (destination, outcome) (rate(headgate_deliveries_total{outcome=~"delivered|dead"}[$__rate_interval]))',
              legend: '{{destination}}, {{outcome}}',
            },
          ],
        },
      ],
    },
    {
      title: 'On their way',
      panels: [
        {
          title: 'Waiting',
          description: 'Events that a destination has not been given yet.',
          kind: 'graph',
          unit: 'short',
          queries: [
            {
              expression: perDestination('headgate_destination_pending'),
              legend: '{{destination}}',
            },
          ],
        },
        {
          title: 'The hour against last week',
          description: 'Accepted in the hour before, now and a week ago.',
          kind: 'graph',
          unit: 'short',
          queries: [
            { expression: `sum(${acceptedHour})`, legend: 'now' },
            { expression: `sum(${acceptedHourLastWeek})`, legend: 'a week ago' },
          ],
        },
      ],
    },
  ],
};
