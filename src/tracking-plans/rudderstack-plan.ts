import { isJsonObject, type JsonObject, type JsonValue } from '../event/json/json.ts';
import {
  planCalls,
  type ImportedEvent,
  type ImportedPlan,
  type PlanCall,
  type ReportLeft,
} from './imported-plan.ts';
import { objectIn, objectsIn, saysNothing, textIn } from './plan-fields.ts';
import { schemaOfProperties, withVariants } from './rudderstack-properties.ts';
import { readRudderCatalog, type RudderCatalog } from './rudderstack-catalog.ts';

/*
 * A tracking plan of RudderStack: the answer of its Data Catalog API (`events`, each with `rules` or
 * `properties`), or the YAML files of a Rudder CLI project (`kind: tp` or `tracking-plan`, with the
 * `events`, `properties` and `custom-types` that it names).
 * https://www.rudderstack.com/docs/api/data-catalog-api/tracking-plans/
 * https://www.rudderstack.com/docs/rudder-cli/yaml-data-catalog-and-tracking-plans/
 */

/** Takes the documents of one file, or of all files of a project. Undefined if none is a plan. */
export function readRudderstackPlan(
  documents: readonly JsonValue[],
  left: ReportLeft,
): ImportedPlan | undefined {
  const objects = documents.filter(isJsonObject);
  const catalog = readRudderCatalog(objects, left);
  if (catalog.plans.length > 0) {
    return {
      title: textIn(catalog.plans[0]!, 'display_name', 'id'),
      events: catalog.plans.flatMap((plan) =>
        objectsIn(plan['rules']).flatMap((rule) => eventOfRule(rule, catalog, left)),
      ),
    };
  }
  return objects.length === 1 ? readAnswer(objects[0]!, left) : undefined;
}

function readAnswer(value: JsonObject, left: ReportLeft): ImportedPlan | undefined {
  const outer = objectIn(value, 'data');
  const plan = Object.keys(outer).length > 0 ? outer : value;
  const list = Array.isArray(value['data']) ? value['data'] : plan['events'];
  const events = Array.isArray(list) ? objectsIn(list) : plan['eventType'] ? [plan] : undefined;
  if (events === undefined) return undefined;
  return { title: textIn(plan, 'name'), events: events.flatMap((each) => eventOfApi(each, left)) };
}

function eventOfApi(event: JsonObject, left: ReportLeft): ImportedEvent[] {
  const call = callOf(textIn(event, 'eventType', 'event_type'), textIn(event, 'name'), left);
  if (call === undefined) return [];
  const name = call === 'track' ? textIn(event, 'name') : '';
  const title = name || call;
  const about = {
    call,
    name,
    description: textIn(event, 'description'),
    owner: '',
    version: 1,
    notes: [],
  };
  const section = textIn(event, 'identitySection', 'identity_section');
  if (Array.isArray(event['properties'])) {
    const { additionalProperties } = event;
    const schema = schemaOfProperties(objectsIn(event['properties']), undefined, title, left);
    if (typeof additionalProperties === 'boolean')
      schema['additionalProperties'] = additionalProperties;
    return [{ ...about, schema, root: schema }];
  }
  const rules = event['rules'];
  if (rules === undefined || !isJsonObject(rules)) {
    left(title, 'an event without rules: it may have any properties');
    return [{ ...about, schema: {}, root: {} }];
  }
  return [{ ...about, schema: sectionOf(rules, call, section, title, left), root: rules }];
}

/** The part of a schema that is about the properties: `traits`, or `traits` in `context`. */
function sectionOf(
  rules: JsonObject,
  call: PlanCall,
  section: string,
  title: string,
  left: ReportLeft,
): JsonObject {
  const usual =
    call === 'identify' || call === 'group' ? ['traits', 'context.traits'] : ['properties'];
  const places = section === '' ? usual : [section];
  const at = (place: string): JsonObject =>
    place
      .split('.')
      .reduce((schema, step) => objectIn(objectIn(schema, 'properties'), step), rules);
  const place = places.find((each) => Object.keys(at(each)).length > 0) ?? places[0]!;
  const known = place.split('.')[0]!;
  for (const [part, schema] of Object.entries(objectIn(rules, 'properties'))) {
    if (part === known || saysNothing(schema)) continue;
    left(title, `rules about ${part} cannot be carried over: contracts are about properties`);
  }
  return at(place);
}

function callOf(type: string, title: string, left: ReportLeft): PlanCall | undefined {
  const call = planCalls.find((known) => known === type.toLowerCase());
  if (call === undefined)
    left(title || 'an event', `events of type ${type || '?'} cannot be carried over`);
  return call;
}

function eventOfRule(rule: JsonObject, catalog: RudderCatalog, left: ReportLeft): ImportedEvent[] {
  const reference = rule['event'];
  const named = isJsonObject(reference) ? textIn(reference, '$ref') : reference;
  const event = typeof named === 'string' ? catalog.event(named) : undefined;
  const title = textIn(rule, 'id') || 'a rule';
  if (event === undefined) {
    left(title, `names the event ${String(named)}, which is not in these files`);
    return [];
  }
  const call = callOf(textIn(event, 'event_type') || 'track', title, left);
  if (call === undefined) return [];
  const name = call === 'track' ? textIn(event, 'name') : '';
  const schema = schemaOfProperties(objectsIn(rule['properties']), catalog, name || call, left);
  withVariants(schema, objectsIn(rule['variants']), catalog, name || call, left);
  const mayHaveMore =
    rule['additional_properties'] ??
    (isJsonObject(reference) ? reference['allow_unplanned'] : undefined) ??
    rule['allow_unplanned'];
  if (typeof mayHaveMore === 'boolean') schema['additionalProperties'] = mayHaveMore;
  else left(name || call, 'does not say whether it may have other properties: it may');
  const category = catalog.category(textIn(event, 'category'));
  return [
    {
      call,
      name,
      description: textIn(event, 'description'),
      owner: '',
      version: 1,
      notes: category === '' ? [] : [`category: ${category}`],
      schema,
      root: schema,
    },
  ];
}
