import type { HourlyCount } from '../../../gen/headgate/v1/signal_service_pb.ts';
import { msOf } from '../../parts/time.tsx';

export type Signal = 'accepted' | 'rejected' | 'delivered' | 'deadLetters';

/** One of the signals, hour by hour, beside the same hours of last week. */
export interface SignalHours {
  /** The last 23 whole hours, the newest last: with last week's, as far back as counts are kept. */
  readonly day: readonly number[];
  /** The same hours of last week; 0 where nothing was counted. */
  readonly dayBefore: readonly number[];
  /** The running hour and the 23 before it. */
  readonly total: number;
  readonly runningHour: number;
  readonly lastHour: number;
  /** The same hour as `lastHour`, seven days before. */
  readonly lastHourBefore: number;
}

export const hourMs = 3_600_000;
const weekMs = 168 * hourMs;

/** When the running hour began. */
export function runningHourMs(hours: readonly HourlyCount[], nowMs: number): number {
  return msOf(hours.at(-1)?.hour) ?? Math.floor(nowMs / hourMs) * hourMs;
}

/** Hours without a count count as 0. */
export function signalHours(
  hours: readonly HourlyCount[],
  signal: Signal,
  nowMs: number,
): SignalHours {
  const counts = new Map(hours.map((hour) => [msOf(hour.hour), Number(hour[signal])]));
  const running = runningHourMs(hours, nowMs);
  const at = (ms: number): number => counts.get(ms) ?? 0;
  const starts = Array.from({ length: 23 }, (_each, index) => running - (23 - index) * hourMs);
  const day = starts.map(at);
  return {
    day,
    dayBefore: starts.map((ms) => at(ms - weekMs)),
    total: day.reduce((sum, each) => sum + each, at(running)),
    runningHour: at(running),
    lastHour: at(running - hourMs),
    lastHourBefore: at(running - hourMs - weekMs),
  };
}
