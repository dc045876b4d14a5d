import { isJsonObject, type JsonObject } from '../event/json/json.ts';
import type { ReportLeft } from './imported-plan.ts';
import { objectIn, objectsIn, textIn } from './plan-fields.ts';

/** What the files of a project define. Everything is found by its id. */
export interface RudderCatalog {
  /** `#/events/group/id`, or `#event:id` since version 1 of the files. */
  event(reference: string): JsonObject | undefined;
  property(reference: string): JsonObject | undefined;
  customType(reference: string): JsonObject | undefined;
  /** The name of a category; empty without one. */
  category(reference: string): string;
  readonly plans: readonly JsonObject[];
}

/** Kinds of files that have nothing for a contract. */
const others = new Set(['import-manifest']);

export function readRudderCatalog(
  documents: readonly JsonObject[],
  left: ReportLeft,
): RudderCatalog {
  const tables = {
    events: new Map<string, JsonObject>(),
    properties: new Map<string, JsonObject>(),
    types: new Map<string, JsonObject>(),
    categories: new Map<string, JsonObject>(),
  };
  const plans: JsonObject[] = [];
  for (const document of documents) {
    const kind = textIn(document, 'kind');
    const spec = objectIn(document, 'spec');
    if (kind === 'tp' || kind === 'tracking-plan') plans.push(spec);
    else if (kind === 'events') fill(tables.events, document, spec['events']);
    else if (kind === 'properties') fill(tables.properties, document, spec['properties']);
    else if (kind === 'custom-types') fill(tables.types, document, spec['types']);
    else if (kind === 'categories') fill(tables.categories, document, spec['categories']);
    else if (kind !== '' && !others.has(kind)) {
      left(`kind: ${kind}`, 'files of this kind are not read');
    }
  }
  return {
    event: (reference) => tables.events.get(keyOf(reference)),
    property: (reference) => tables.properties.get(keyOf(reference)),
    customType: (reference) => tables.types.get(keyOf(reference)),
    category: (reference) => textIn(tables.categories.get(keyOf(reference)) ?? {}, 'name'),
    plans,
  };
}

/** In the first version of the files an id is unique in its group, and in later ones everywhere. */
function fill(table: Map<string, JsonObject>, document: JsonObject, list: unknown): void {
  const group = textIn(objectIn(document, 'metadata'), 'name');
  for (const entry of objectsIn(Array.isArray(list) ? list.filter(isJsonObject) : undefined)) {
    const id = textIn(entry, 'id');
    table.set(`${group}/${id}`, entry);
    if (!table.has(id)) table.set(id, entry);
  }
}

function keyOf(reference: string): string {
  const [, kind, group, ...id] = reference.split('/');
  if (kind !== undefined && group !== undefined) return [group, ...id].join('/');
  return reference.replace(/^#[\w-]+:/, '');
}
