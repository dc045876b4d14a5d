import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

import { formatDuration } from './figures.ts';
import { serviceNowMs } from '../service/clock.ts';

export type Zone = 'local' | 'utc';

export const ZoneContext = createContext<Zone>('local');

export function msOf(at: Timestamp | undefined): number | undefined {
  return at === undefined ? undefined : timestampMs(at);
}

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-03-01 14:05:09`, with milliseconds on request; in UTC with a Z. */
export function formatTime(ms: number, zone: Zone, withMs = false): string {
  const shifted = zone === 'utc' ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000;
  const [date, time] = new Date(shifted).toISOString().split('T');
  const shown = time!.slice(0, withMs ? 12 : 8);
  return `${date} ${shown}${zone === 'utc' ? 'Z' : ''}`;
}

/** Formats times in the zone that the viewer has chosen. */
export function useTimeText(): (ms: number) => string {
  const zone = useContext(ZoneContext);
  return (ms) => formatTime(ms, zone);
}

/** The value of a field for a date and a time, in a zone: `2026-03-01T14:05`. */
export function fieldOfTime(ms: number, zone: Zone): string {
  return formatTime(ms, zone).slice(0, 16).replace(' ', 'T');
}

/** The time of such a field; undefined if it is empty. */
export function timeOfField(text: string, zone: Zone): number | undefined {
  const ms = Date.parse(zone === 'utc' ? `${text}Z` : text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** The begin of the day that is `days` before the day of `ms`, in a zone. */
export function dayBegin(ms: number, days: number, zone: Zone): number {
  const at = new Date(ms);
  return zone === 'utc'
    ? Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() - days)
    : new Date(at.getFullYear(), at.getMonth(), at.getDate() - days).getTime();
}

/** The same without the date, if it is of today. */
export function formatShortTime(ms: number, zone: Zone, nowMs: number): string {
  const whole = formatTime(ms, zone);
  const today = formatTime(nowMs, zone).slice(0, 10);
  return whole.startsWith(today)
    ? whole.slice(11)
    : `${whole.slice(5, 16)}${zone === 'utc' ? 'Z' : ''}`;
}

/** `+02:00`. */
export function offsetOf(ms: number): string {
  const minutes = -new Date(ms).getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '−' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

export interface TimeProps {
  readonly at: Timestamp | undefined;
  /** `short` for tables, `exact` with milliseconds, `ago` for states. */
  readonly as?: 'short' | 'whole' | 'exact' | 'ago';
}

/** A time in the zone of the viewer, with UTC and how long ago at hand. A dash without a time. */
export function Time({ at, as = 'short' }: TimeProps) {
  const zone = useContext(ZoneContext);
  const ms = msOf(at);
  if (ms === undefined) return <span class="quiet">–</span>;
  const nowMs = serviceNowMs();
  const ago = `${formatDuration(Math.abs(nowMs - ms))} ${ms > nowMs ? 'from now' : 'ago'}`;
  const texts = {
    short: formatShortTime(ms, zone, nowMs),
    whole: formatTime(ms, zone),
    exact: formatTime(ms, zone, true),
    ago,
  };
  const hint = `${formatTime(ms, 'utc', true)} UTC\n${formatTime(ms, 'local', true)} ${offsetOf(ms)}\n${ago}`;
  return (
    <time dateTime={new Date(ms).toISOString()} title={hint}>
      {texts[as]}
    </time>
  );
}
