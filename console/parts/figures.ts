import type { StreamWalk } from '../../gen/headgate/v1/stream_walk_pb.ts';

const counts = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** `12,345`. */
export function formatCount(count: number | bigint): string {
  return counts.format(count);
}

/** `12,345`, and `1.2M` from a million on. */
export function formatLarge(count: number | bigint): string {
  return Number(count) < 1_000_000 ? counts.format(count) : compact.format(count);
}

/** `1 event`, `2 events`. */
export function countOf(count: number | bigint, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${Number(count) === 1 ? one : many}`;
}

/** `+12 %`, or `new` where there was nothing before. Undefined if nothing came at all. */
export function formatChange(now: number, before: number): string | undefined {
  if (before === 0) return now === 0 ? undefined : 'none last week';
  const percent = Math.round(((now - before) / before) * 100);
  if (percent === 0) return '±0 %';
  return `${percent > 0 ? '+' : '−'}${formatCount(Math.abs(percent))} %`;
}

/** How much of a walk through the log is read, in percent. Nothing is read yet if it has not begun. */
export function shareOf({ from, upTo, reached }: StreamWalk): number {
  const all = Number(upTo - from) + 1;
  if (all <= 0) return 100;
  return Math.max(0, Math.min(100, Math.floor(((Number(reached - from) + 1) / all) * 100)));
}

const units: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
];

/** `3 h 20 min`: the two largest units. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.max(0, Math.round(durationMs))} ms`;
  const first = units.findIndex(([, ms]) => durationMs >= ms);
  const [name, ms] = units[first]!;
  const whole = Math.floor(durationMs / ms);
  const next = units[first + 1];
  const rest = next === undefined ? 0 : Math.floor((durationMs - whole * ms) / next[1]);
  return rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${next![0]}`;
}

/** `3.4 KiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return countOf(bytes, 'byte');
  if (bytes < 1_024 ** 2) return `${(bytes / 1_024).toFixed(1)} KiB`;
  return `${(bytes / 1_024 ** 2).toFixed(1)} MiB`;
}
