import { promql, type Recording } from './alert.ts';

/** Gates and workers, whatever their Prometheus calls them: `headgate`, `headgate-gate`. */
export const jobs = 'job=~"headgate.*"';

/** What came in. `retry` is left out: these events are sent again. */
export const validated = 'outcome!="retry"';

/** Codes of errors caused by Headgate; callers cause the others. */
export const serverFaults = 'code=~"unavailable|internal|unknown|deadline_exceeded|data_loss"';

/**
 * Streams that accept nothing more when they are full. In the other streams new messages replace
 * old ones, so they are normally full.
 */
export const streamsThatFill = 'stream=~"EVENTS|DEAD|REPLAY|RETRY|ASIDE|KV_headgate_schemas"';

/** Every worker reports the same value; one that cannot read it reports the last one it knew. */
export const perDestination = (metric: string): string => `max by (destination) (${metric})`;
export const perStream = (metric: string): string => `max by (stream) (${metric})`;

/**
 * What the streams that fill hold and cannot delete. Of EVENTS a worker says it; of the others, and
 * of EVENTS without a worker, it is everything.
 */
export const heldPerStream = (of = (metric: string): string => metric): string => promql`
  ${perStream(of('headgate_stream_held_bytes'))}
  or ${perStream(of(`headgate_stream_bytes{${streamsThatFill}}`))}`;

/** Events of each source and name. `window` may include an offset: `[1h] offset 1w`. */
export const eventsOf = (outcome: string, window: string): string =>
  `sum by (source, event_name) (increase(headgate_events_total{${outcome}}${window}))`;

/** The rejected share of all validated events, by these labels. No value where nothing came. */
export const rejectedRatio = (labels: string, window: string): string => promql`
  sum by (${labels}) (increase(headgate_events_total{outcome="rejected"}${window}))
  / (sum by (${labels}) (increase(headgate_events_total{${validated}}${window})) > 0)`;

export const acceptedHour = 'source_event:headgate_events_accepted:increase1h';
export const acceptedHourLastWeek = 'source_event:headgate_events_accepted:increase1h_offset1w';
export const rejectedTenMinutes = 'source_event:headgate_events_rejected:ratio_increase10m';
export const rejectedDay = 'source_event:headgate_events_rejected:ratio_increase1d';

export const volumeRecordings: readonly Recording[] = [
  { name: acceptedHour, expression: eventsOf('outcome="accepted"', '[1h]') },
  // Uses the counters, not the series above, so it is right from the day the rules are loaded.
  { name: acceptedHourLastWeek, expression: eventsOf('outcome="accepted"', '[1h] offset 1w') },
];

export const rejectedRecordings: readonly Recording[] = [
  { name: rejectedTenMinutes, expression: rejectedRatio('source, event_name', '[10m]') },
  { name: rejectedDay, expression: rejectedRatio('source, event_name', '[1d]') },
];
