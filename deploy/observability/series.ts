import { promql, type Recording } from './alert.ts';

/** Gates and workers, whatever their Prometheus calls them: `headgate`, `headgate-gate`. */
export const jobs = 'job=~"headgate.*"';

/** What came in: `retry` has no verdict yet, it will be sent again. */
export const validated = 'outcome!="retry"';

/** Codes that are Headgate's fault; the others are the caller's. */
export const serverFaults = 'code=~"unavailable|internal|unknown|deadline_exceeded|data_loss"';

/**
 * Streams that take no more when they are full. In the others the old make room for the new, so that
 * full is how they are.
 */
export const streamsThatFill = 'stream=~"EVENTS|DEAD|REPLAY|RETRY|KV_headgate_schemas"';

/** Every worker says the same of a destination, and one that cannot read says what it knew last. */
export const perDestination = (metric: string): string => `max by (destination) (${metric})`;
export const perStream = (metric: string): string => `max by (stream) (${metric})`;

/** Events of each source and name. `window` may bring its offset: `[1h] offset 1w`. */
export const eventsOf = (outcome: string, window: string): string =>
  `sum by (source, event_name) (increase(headgate_events_total{${outcome}}${window}))`;

/** Rejected, of all that was validated, by these labels. Nothing where nothing came. */
export const rejectedRatio = (labels: string, window: string): string => promql`
  sum by (${labels}) (increase(headgate_events_total{outcome="rejected"}${window}))
  / (sum by (${labels}) (increase(headgate_events_total{${validated}}${window})) > 0)`;

export const acceptedHour = 'source_event:headgate_events_accepted:increase1h';
export const acceptedHourLastWeek = 'source_event:headgate_events_accepted:increase1h_offset1w';
export const rejectedTenMinutes = 'source_event:headgate_events_rejected:ratio_increase10m';
export const rejectedDay = 'source_event:headgate_events_rejected:ratio_increase1d';

export const volumeRecordings: readonly Recording[] = [
  { name: acceptedHour, expression: eventsOf('outcome="accepted"', '[1h]') },
  // Read from the counters and not from the series above: right from the day the rules are loaded.
  { name: acceptedHourLastWeek, expression: eventsOf('outcome="accepted"', '[1h] offset 1w') },
];

export const rejectedRecordings: readonly Recording[] = [
  { name: rejectedTenMinutes, expression: rejectedRatio('source, event_name', '[10m]') },
  { name: rejectedDay, expression: rejectedRatio('source, event_name', '[1d]') },
];
