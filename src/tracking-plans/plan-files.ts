import { isJsonObject, type JsonObject } from '../event/json/json.ts';
import { compileAccepted } from '../inference/infer-schema.ts';
import { schemaText } from '../inference/schema-text.ts';
import { taxonomyText, type NewEntry } from '../inference/taxonomy-text.ts';
import { taxonomyFile } from '../validation/schema-registry.ts';
import { eventsMax } from '../validation/taxonomy/taxonomy.ts';
import type { ImportedEvent, ImportedPlan, LeftBehind, PlanCall } from './imported-plan.ts';
import { modernSchema } from './modern-schema.ts';
import { objectIn } from './plan-fields.ts';

/** A plan as files of a schemas folder. */
export interface PlanFiles {
  readonly files: ReadonlyMap<string, string>;
  /** The events by our names, with their versions. */
  readonly events: readonly { readonly name: string; readonly versions: number }[];
  readonly left: readonly LeftBehind[];
}

export interface PlanNaming {
  /** The name that the gate gives such a call; undefined if a taxonomy cannot have it. */
  nameOf(call: PlanCall, eventName: string): string | undefined;
  /** The folder of an event. */
  folderOf(name: string): string;
  /** Properties that the gate adds to such a call. */
  addedTo(call: PlanCall): readonly string[];
}

/** Translates a plan. Every schema that it gives passes `schemas check`. */
export function planFiles(
  { title, events }: ImportedPlan,
  naming: PlanNaming,
  reported: readonly LeftBehind[],
): PlanFiles {
  const left = [...reported];
  const byName = new Map<string, ImportedEvent[]>();
  for (const event of events) {
    const name = naming.nameOf(event.call, event.name);
    const place = event.name || event.call;
    if (name === undefined) {
      left.push({ place, text: 'left out: a taxonomy cannot have this name' });
      continue;
    }
    byName.set(name, [...(byName.get(name) ?? []), event]);
  }
  const beyond = [...byName.keys()].sort().slice(eventsMax);
  for (const name of beyond) {
    byName.delete(name);
    left.push({ place: name, text: `left out: a taxonomy has ${eventsMax} events at most` });
  }
  const files = new Map<string, string>();
  const entries: NewEntry[] = [];
  const names = [...byName.keys()].sort();
  for (const name of names) {
    const versions = versionsOf(name, byName.get(name)!, left);
    for (const [index, version] of versions.entries()) {
      const schema = acceptedSchema(version, naming.addedTo(version.call), left);
      files.set(`${naming.folderOf(name)}/${index + 1}.json`, schemaText(schema));
    }
    entries.push(entryOf(name, versions));
  }
  const origin = `Made by headgate schemas import from ${title === '' ? 'a tracking plan' : title}.`;
  if (entries.length > 0) files.set(taxonomyFile, taxonomyText(entries, origin));
  const counted = names.map((name) => ({ name, versions: byName.get(name)!.length }));
  return { files, events: counted, left };
}

/** In the order of the plan's numbers; ours are from 1, without gaps. */
function versionsOf(name: string, events: ImportedEvent[], left: LeftBehind[]): ImportedEvent[] {
  const sorted = events.toSorted((one, other) => one.version - other.version);
  const numbers = sorted.map(({ version }) => version);
  if (numbers.some((number, index) => number !== index + 1)) {
    const text = `has the versions ${numbers.join(', ')} in the plan; here they are 1 to ${numbers.length}`;
    left.push({ place: name, text });
  }
  if (numbers.length > 1) {
    left.push({
      place: name,
      text: `version ${numbers.length} is active: senders name no version`,
    });
  }
  return sorted;
}

function entryOf(name: string, versions: readonly ImportedEvent[]): NewEntry {
  const { call, name: sent, description, owner, notes } = versions.at(-1)!;
  const about = sent === '' ? `The call ${call}.` : `${sent}.`;
  return {
    name,
    owner: owner === '' ? 'TODO' : owner,
    description: description === '' ? `TODO: when it is sent. ${about}` : description,
    active: versions.length,
    mode: 'warn',
    notes,
  };
}

function acceptedSchema(
  { call, name, schema, root }: ImportedEvent,
  added: readonly string[],
  left: LeftBehind[],
): JsonObject {
  const title = name || call;
  const report = (path: string, text: string): void => {
    left.push({ place: path === '' ? title : `${title} ${path}`, text });
  };
  const modern: JsonObject = { ...modernSchema(schema, root, report), type: 'object' };
  const properties = objectIn(modern, 'properties');
  if (modern['additionalProperties'] === false) {
    for (const property of added) properties[property] ??= {};
  }
  const whole = { ...modern, properties };
  const faults: string[] = [];
  const isAccepted = compileAccepted(whole, schemaText(whole), (fault) => void faults.push(fault));
  if (isAccepted !== undefined) return whole;
  const named = namesOnly(modern, properties);
  if (compileAccepted(named, schemaText(named)) !== undefined) {
    report('', `only the names of its properties are kept: ${faults.join('; ')}`);
    return named;
  }
  report('', `any properties are allowed: ${faults.join('; ')}`);
  return { type: 'object' };
}

function namesOnly(modern: JsonObject, properties: JsonObject): JsonObject {
  const required = Array.isArray(modern['required']) ? modern['required'] : [];
  const names = Object.keys(properties).filter((property) => !(property in Object.prototype));
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((each) => [each, descriptionOf(properties[each])])),
    ...(required.length > 0 && { required }),
  };
}

function descriptionOf(schema: unknown): JsonObject {
  const description = isJsonObject(schema) ? schema['description'] : undefined;
  return typeof description === 'string' ? { description } : {};
}
