import { serviceNowMs } from '../service/clock.ts';

const unitMs: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const spanPattern = /^(\d{1,5})([mhdw])$/;
/** RFC 3339, or its date alone: browsers take a lone number for a year or a month. */
const timePattern = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/i;

/**
 * The time of a filter, as a Unix time in ms: a span before now such as `24h`, or RFC 3339. Undefined if it is
 * empty. Throws an Error for anything else: a filter that is left out would select what no one asked for.
 */
export function timeOfFilter(text: string): number | undefined {
  if (text === '') return undefined;
  const [, count, unit] = spanPattern.exec(text) ?? [];
  if (unit !== undefined) return serviceNowMs() - Number(count) * unitMs[unit]!;
  const ms = timePattern.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(ms)) return ms;
  throw new Error(`"${text}" is not a time. Write 90m, 24h, 7d or 2026-03-01T14:05:00Z.`);
}
