import { alters, narrows, widens, type Place, type ReportChange } from './schema-change.ts';
import { canonicalJson } from '../schema/schema-identity.ts';
import type { JsonObject } from '../../event/json/json.ts';

/** Each keyword that sets a limit, what it limits, and whether a higher limit accepts more. */
const limits = [
  ['minLength', 'the minimum length of', false],
  ['maxLength', 'the maximum length of', true],
  ['minItems', 'the minimum number of items of', false],
  ['maxItems', 'the maximum number of items of', true],
  ['minProperties', 'the minimum number of properties of', false],
  ['maxProperties', 'the maximum number of properties of', true],
] as const;

/** Compares the limits of numbers, lengths and counts, and the form of strings. */
export function compareBounds(
  place: Place,
  old: JsonObject,
  now: JsonObject,
  report: ReportChange,
): void {
  for (const [keyword, words, higherAcceptsMore] of limits) {
    const edge = higherAcceptsMore ? Infinity : 0;
    const before = { limit: numberOf(old[keyword]) ?? edge, open: false };
    const after = { limit: numberOf(now[keyword]) ?? edge, open: false };
    compareLimit(place, `${words} ${place.name}`, before, after, higherAcceptsMore, report);
  }
  for (const [closed, opened, words, higherAcceptsMore] of [
    ['minimum', 'exclusiveMinimum', 'the minimum value of', false],
    ['maximum', 'exclusiveMaximum', 'the maximum value of', true],
  ] as const) {
    const before = tightest(old, closed, opened, higherAcceptsMore);
    const after = tightest(now, closed, opened, higherAcceptsMore);
    compareLimit(place, `${words} ${place.name}`, before, after, higherAcceptsMore, report);
  }
  compareSteps(place, old, now, report);
  for (const keyword of ['pattern', 'format', 'uniqueItems']) {
    compareForm(place, keyword, old, now, report);
  }
}

interface Limit {
  readonly limit: number;
  /** The limit itself is excluded. */
  readonly open: boolean;
}

function tightest(schema: JsonObject, closed: string, opened: string, isMaximum: boolean): Limit {
  const sign = isMaximum ? 1 : -1;
  const edge = sign * Infinity;
  const within = numberOf(schema[closed]) ?? edge;
  const beyond = numberOf(schema[opened]) ?? edge;
  return beyond * sign <= within * sign && beyond !== edge
    ? { limit: beyond, open: true }
    : { limit: within, open: false };
}

function compareLimit(
  place: Place,
  what: string,
  before: Limit,
  after: Limit,
  higherAcceptsMore: boolean,
  report: ReportChange,
): void {
  if (before.limit === after.limit && before.open === after.open) return;
  const higher =
    before.limit === after.limit ? before.open === higherAcceptsMore : after.limit > before.limit;
  const acceptsMore = higher === higherAcceptsMore;
  const change = `${changeOf(before, after, higher)} ${what}${fromTo(before, after)}`;
  report(acceptsMore ? widens(place, change) : narrows(place, change));
}

function changeOf(before: Limit, after: Limit, higher: boolean): string {
  if (!Number.isFinite(before.limit)) return 'sets';
  if (!Number.isFinite(after.limit)) return 'removes';
  return higher ? 'raises' : 'lowers';
}

function fromTo(before: Limit, after: Limit): string {
  const text = ({ limit, open }: Limit): string => (open ? `${limit} (excluded)` : String(limit));
  if (!Number.isFinite(before.limit)) return ` to ${text(after)}`;
  if (!Number.isFinite(after.limit)) return ` (${text(before)})`;
  return ` from ${text(before)} to ${text(after)}`;
}

function compareSteps(place: Place, old: JsonObject, now: JsonObject, report: ReportChange): void {
  const before = numberOf(old['multipleOf']);
  const after = numberOf(now['multipleOf']);
  if (before === after) return;
  const change = `changes multipleOf of ${place.name}`;
  if (before === undefined) report(narrows(place, change));
  else if (after === undefined || isMultiple(before, after)) report(widens(place, change));
  else if (isMultiple(after, before)) report(narrows(place, change));
  else report(alters(place, change));
}

/** Tolerates rounding: 0.3 / 0.1 is 2.9999999999999996. */
function isMultiple(value: number, step: number): boolean {
  const ratio = value / step;
  return Math.abs(ratio - Math.round(ratio)) < 1e-9;
}

function compareForm(
  place: Place,
  keyword: string,
  old: JsonObject,
  now: JsonObject,
  report: ReportChange,
): void {
  const before = old[keyword] === false ? undefined : old[keyword];
  const after = now[keyword] === false ? undefined : now[keyword];
  if (canonicalJson(before) === canonicalJson(after)) return;
  if (before === undefined) report(narrows(place, `adds a ${keyword} to ${place.name}`));
  else if (after === undefined) report(widens(place, `drops the ${keyword} of ${place.name}`));
  else report(alters(place, `changes the ${keyword} of ${place.name}`));
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
