import type { Dashboard, Subject } from '../dashboard.ts';
import type { Panel } from '../panel.ts';
import { acceptedHour, acceptedHourLastWeek, validated, rejectedTenMinutes } from '../series.ts';
import { thresholds } from '../thresholds.ts';

/** The status of one event or one source. */
function intakeFigures(about: Subject): Panel[] {
  const own = `${about}="$${about}"`;
  const rate = (outcome: string): string =>
    `sum(rate(headgate_events_total{${own}, ${outcome}}[$__rate_interval]))`;
  return [
    {
      title: 'Accepted now',
      description: 'Stored events.',
      kind: 'figure',
      unit: 'eps',
      width: 6,
      queries: [{ expression: rate('outcome="accepted"'), legend: 'accepted' }],
    },
    {
      title: 'Against last week',
      description: 'The last hour, as a share of the same hour a week ago.',
      kind: 'figure',
      unit: 'percentunit',
      width: 6,
      queries: [
        {
          expression: `sum(${acceptedHour}{${own}}) / (sum(${acceptedHourLastWeek}{${own}}) > 0)`,
          legend: 'of last week',
        },
      ],
    },
    {
      title: 'Refused now',
      description: 'Of what is validated, the share that breaks its contract.',
      kind: 'figure',
      unit: 'percentunit',
      width: 6,
      redFrom: thresholds.rejected.spikeRatio,
      queries: [
        {
          expression: `${rate('outcome="rejected"')} / (${rate(validated)} > 0)`,
          legend: 'refused',
        },
      ],
    },
  ];
}

/** The panels about one event by source, or about one source by event. */
function intakePanels(about: Subject, by: Subject): Panel[] {
  const own = `${about}="$${about}"`;
  const legend = `{{${by}}}`;
  const rate = (metric: string, selector: string, labels: string): string =>
    `sum by (${labels}) (rate(${metric}{${own}${selector}}[$__rate_interval]))`;
  return [
    {
      title: 'Accepted',
      description: 'Stored events.',
      kind: 'graph',
      unit: 'eps',
      queries: [{ expression: rate('headgate_events_total', ', outcome="accepted"', by), legend }],
    },
    {
      title: 'The hour against last week',
      description:
        'Accepted in the hour before, now and a week ago: what the volume alert compares.',
      kind: 'graph',
      unit: 'short',
      queries: [
        { expression: `sum(${acceptedHour}{${own}})`, legend: 'now' },
        { expression: `sum(${acceptedHourLastWeek}{${own}})`, legend: 'a week ago' },
      ],
    },
    {
      title: 'Refused share',
      description: 'Of what was validated in ten minutes, the share that broke its contract.',
      kind: 'graph',
      unit: 'percentunit',
      queries: [{ expression: `${rejectedTenMinutes}{${own}}`, legend }],
    },
    {
      title: 'Refused by code',
      description: 'Why: docs/reference/errors.md has each code.',
      kind: 'graph',
      unit: 'eps',
      queries: [
        {
          expression: `${rate('headgate_validation_failures_total', '', 'code')} > 0`,
          legend: '{{code}}',
        },
      ],
    },
    {
      title: 'Verdicts',
      description: 'Accepted, duplicate, rejected, and answered with retry.',
      kind: 'graph',
      unit: 'eps',
      queries: [
        { expression: rate('headgate_events_total', '', 'outcome'), legend: '{{outcome}}' },
      ],
    },
    {
      title: 'Stored with a warning',
      description: 'Taken although something was wrong, by what it was.',
      kind: 'graph',
      unit: 'eps',
      queries: [{ expression: rate('headgate_warnings_total', '', 'code'), legend: '{{code}}' }],
    },
  ];
}

export const oneEvent: Dashboard = {
  uid: 'headgate-event',
  title: 'Headgate: one event',
  description: 'Who sends it, how often against last week, and what is refused.',
  about: 'event_name',
  rows: [
    {
      title: 'Now',
      panels: [
        ...intakeFigures('event_name'),
        {
          title: 'Last accepted',
          description: 'How long ago.',
          kind: 'figure',
          unit: 's',
          width: 6,
          queries: [
            {
              expression:
                'time() - max(headgate_last_event_timestamp_seconds{event_name="$event_name"} > 0)',
              legend: 'ago',
            },
          ],
        },
      ],
    },
    { title: 'By source', panels: intakePanels('event_name', 'source') },
  ],
};

export const oneSource: Dashboard = {
  uid: 'headgate-source',
  title: 'Headgate: one source',
  description: 'What it sends, how often against last week, and what of it is refused.',
  about: 'source',
  rows: [
    { title: 'Now', panels: intakeFigures('source') },
    { title: 'By event', panels: intakePanels('source', 'event_name') },
  ],
};
