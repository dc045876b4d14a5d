import { isJsonObject, type JsonObject, type JsonValue } from '../event/json/json.ts';
import {
  planCalls,
  type ImportedEvent,
  type ImportedPlan,
  type PlanCall,
  type ReportLeft,
} from './imported-plan.ts';
import { objectIn, objectsIn, saysNothing, saysNothingOfCall, textIn } from './plan-fields.ts';

/*
 * A tracking plan of Segment Protocols, in the form of the Public API (a list of rules, each with its
 * type and its JSON schema: https://docs.segmentapis.com/tag/Tracking-Plans), and in that of the Config
 * API before it (`rules.events`, `identify`, `group`, `global`).
 */

/** One rule of a plan, whatever its form. */
interface SegmentRule {
  readonly call: PlanCall | 'common';
  readonly name: string;
  readonly description: string;
  readonly version: number;
  readonly labels: JsonObject;
  readonly schema: JsonObject;
}

/**
 * The plan in some answers of the API, each a page of its rules. Reports it if the last page is missing.
 * Returns undefined if one is no such plan.
 */
export function readSegmentPages(
  pages: readonly JsonValue[],
  left: ReportLeft,
): ImportedPlan | undefined {
  const rules: JsonValue[] = [];
  for (const page of pages) rules.push(...(listedRulesOf(page) ?? []));
  const unfinished = pages.filter((page) => nextPageOf(page) !== '').length;
  if (pages.length > 0 && unfinished === pages.length) {
    left('pagination', 'the plan has more pages: give all of them, as files of one folder');
  }
  if (pages.length < 2) return readSegmentPlan(pages[0] ?? null, left);
  if (pages.some((page) => listedRulesOf(page) === undefined)) return undefined;
  return readSegmentPlan(rules, left);
}

function nextPageOf(page: JsonValue): string {
  if (!isJsonObject(page)) return '';
  const next = textIn(objectIn(page, 'pagination'), 'next');
  return next || textIn(objectIn(objectIn(page, 'data'), 'pagination'), 'next');
}

function listedRulesOf(page: JsonValue): readonly JsonValue[] | undefined {
  if (Array.isArray(page)) return page;
  if (!isJsonObject(page)) return undefined;
  const data = objectIn(page, 'data');
  const plan = Object.keys(data).length > 0 ? data : page;
  const rules = plan['rules'] ?? objectIn(plan, 'trackingPlan', 'tracking_plan')['rules'];
  return Array.isArray(rules) ? rules : undefined;
}

/** Returns undefined if it is no such plan. */
export function readSegmentPlan(value: JsonValue, left: ReportLeft): ImportedPlan | undefined {
  if (Array.isArray(value)) return readSegmentPlan({ rules: value }, left);
  if (!isJsonObject(value)) return undefined;
  const outer = objectIn(value, 'data');
  const plan = Object.keys(outer).length > 0 ? outer : value;
  const about = objectIn(plan, 'trackingPlan', 'tracking_plan');
  const rules = plan['rules'] ?? about['rules'];
  const read = Array.isArray(rules)
    ? listedRules(rules, left)
    : isJsonObject(rules)
      ? groupedRules(rules, left)
      : isGrouped(plan)
        ? groupedRules(plan, left)
        : undefined;
  if (read === undefined) return undefined;
  const title = textIn(about, 'name') || textIn(plan, 'display_name', 'name');
  const common = read.filter(({ call }) => call === 'common');
  const events = read.flatMap((rule) =>
    rule.call === 'common' ? [] : [eventOf(rule, rule.call, common, left)],
  );
  for (const { schema } of common) reportOutside('common rules', schema, [], left);
  return { title, events };
}

function isGrouped(plan: JsonObject): boolean {
  return Array.isArray(plan['events']) || isJsonObject(plan['identify']);
}

const callsByType = new Map<string, SegmentRule['call']>([
  ...planCalls.map((call): [string, PlanCall] => [call.toUpperCase(), call]),
  ['COMMON', 'common'],
]);

function listedRules(rules: readonly JsonValue[], left: ReportLeft): SegmentRule[] {
  return rules.filter(isJsonObject).flatMap((rule) => {
    const type = textIn(rule, 'type').toUpperCase();
    const call = callsByType.get(type);
    const name = textIn(rule, 'key', 'name');
    const schema = schemaIn(rule);
    if (call === undefined || schema === undefined) {
      const problem =
        call === undefined ? `rules of type ${type || '?'}` : 'a rule without a schema';
      left(name || type || 'a rule', `${problem} cannot be carried over`);
      return [];
    }
    return [ruleOf(call, name, rule, schema)];
  });
}

function groupedRules(rules: JsonObject, left: ReportLeft): SegmentRule[] {
  const events = objectsIn(rules['events']).flatMap((event) => {
    const schema = schemaIn(event);
    const name = textIn(event, 'name', 'key');
    if (schema !== undefined) return [ruleOf('track', name, event, schema)];
    left(name || 'an event', 'an event without rules cannot be carried over');
    return [];
  });
  const single = (['identify', 'group', 'page', 'screen'] as const).flatMap((call) => {
    const schema = rules[call];
    const isEmpty = schema === undefined || !isJsonObject(schema) || saysNothingOfCall(schema);
    return isEmpty ? [] : [ruleOf(call, '', schema, schema)];
  });
  const global = objectIn(rules, 'global', 'common');
  return [
    ...events,
    ...single,
    ...traitRules('identify', rules['identify_traits']),
    ...traitRules('group', rules['group_traits']),
    ...(saysNothingOfCall(global) ? [] : [ruleOf('common', '', {}, global)]),
  ];
}

/** A list of traits, each with its name and its rules. */
function traitRules(call: PlanCall, list: JsonValue | undefined): SegmentRule[] {
  const traits = objectsIn(list).filter((trait) => textIn(trait, 'name', 'key') !== '');
  if (traits.length === 0) return [];
  const properties: JsonObject = {};
  const required: string[] = [];
  for (const trait of traits) {
    const name = textIn(trait, 'name', 'key');
    const description = textIn(trait, 'description');
    properties[name] = {
      ...(description !== '' && { description }),
      ...objectIn(trait, 'rules', 'json_schema', 'jsonSchema'),
    };
    if (trait['required'] === true) required.push(name);
  }
  const schema = { properties: { traits: { type: 'object', properties, required } } };
  return [ruleOf(call, '', {}, schema)];
}

function schemaIn(rule: JsonObject): JsonObject | undefined {
  const schema = rule['jsonSchema'] ?? rule['json_schema'] ?? rule['rules'];
  return schema !== undefined && isJsonObject(schema) ? schema : undefined;
}

function ruleOf(
  call: SegmentRule['call'],
  name: string,
  rule: JsonObject,
  schema: JsonObject,
): SegmentRule {
  const version = rule['version'];
  return {
    call,
    name,
    description: textIn(rule, 'description') || textIn(schema, 'description'),
    version: typeof version === 'number' ? version : 1,
    labels: { ...objectIn(schema, 'labels'), ...objectIn(rule, 'labels') },
    schema,
  };
}

/** Where Segment's SDKs put what a call is about. */
const placeOf = (call: PlanCall): 'properties' | 'traits' =>
  call === 'identify' || call === 'group' ? 'traits' : 'properties';

function eventOf(
  rule: SegmentRule,
  call: PlanCall,
  common: readonly SegmentRule[],
  left: ReportLeft,
): ImportedEvent {
  const { name, description, version, labels, schema } = rule;
  const title = name || call;
  const place = placeOf(call);
  const own = objectIn(objectIn(schema, 'properties'), place);
  const shared = common.map((each) => objectIn(objectIn(each.schema, 'properties'), place));
  reportOutside(title, schema, [place], left);
  const { owner, ...others } = labels;
  const notes = Object.entries(others).map(
    ([label, value]) => `${label}: ${JSON.stringify(value)}`,
  );
  return {
    call,
    name,
    description,
    owner: typeof owner === 'string' ? owner : '',
    version,
    notes,
    schema: shared.reduce((sum, each) => (saysNothing(each) ? sum : withCommon(sum, each)), own),
    root: schema,
  };
}

/** Both rules hold for the same properties. */
function withCommon(own: JsonObject, common: JsonObject): JsonObject {
  const mine = objectIn(own, 'properties');
  const properties: JsonObject = { ...objectIn(common, 'properties') };
  for (const [name, schema] of Object.entries(mine)) {
    const shared = properties[name];
    properties[name] =
      shared === undefined || saysNothing(shared) ? schema : { allOf: [shared, schema] };
  }
  const required = [common['required'], own['required']].flatMap((names) =>
    Array.isArray(names) ? names : [],
  );
  return { ...common, ...own, properties, required: [...new Set(required)] };
}

/** Rules about other parts of a call: our contracts are about its properties. */
function reportOutside(
  title: string,
  schema: JsonObject,
  carried: readonly string[],
  left: ReportLeft,
): void {
  const parts = objectIn(schema, 'properties');
  const known = carried.length === 0 ? ['properties', 'traits'] : carried;
  for (const [part, rules] of Object.entries(parts)) {
    if (known.includes(part) || saysNothing(rules)) continue;
    left(title, `rules about ${part} cannot be carried over: contracts are about properties`);
  }
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const others = required.filter((name) => typeof name === 'string' && !known.includes(name));
  if (others.length > 0) left(title, `requires ${others.join(', ')}, which are not properties`);
}
