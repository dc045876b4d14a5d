import { StartError } from '../errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../event/json/json.ts';
import type { PlannedEvent } from '../validation/schema-registry.ts';
import { escapePointer, unescapePointer } from '../event/json/json-pointer.ts';
import { pascalCase, wordsOfEvent, type NameTable } from './encode/names.ts';
import { shownName } from './encode/source-text.ts';
import type { ModelEvent, ModelMember, ModelObject, ModelType } from './type-model.ts';

/** The suffix of the type of an event's properties, in every language. */
const rootSuffix = 'Properties';

/** Keywords that types cannot express; only the gate checks them. */
const uncheckedKeywords = [
  'if',
  'not',
  'dependentRequired',
  'dependentSchemas',
  'propertyNames',
  'contains',
  'prefixItems',
  'unevaluatedProperties',
  'unevaluatedItems',
  'patternProperties',
  'minProperties',
  'maxProperties',
];
const annotated = [
  'format',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minItems',
  'maxItems',
];
const any: ModelType = { kind: 'any' };

/**
 * Reads the active version of an event. Throws a StartError if two types would have the same name.
 */
export function readModel(event: PlannedEvent, names: NameTable): ModelEvent {
  const { schema } = event.versions.find(({ version }) => version === event.active)!;
  const objects: ModelObject[] = [];
  const reader = new SchemaReader(event.name, schema, objects, names);
  reader.readRoot();
  return {
    eventName: event.name,
    description: event.description,
    owner: event.owner,
    schemaVersion: event.active,
    objects,
  };
}

interface Reading {
  readonly type: ModelType;
  readonly nullable: boolean;
  readonly notes: readonly string[];
}

class SchemaReader {
  readonly #eventName: string;
  readonly #root: JsonObject;
  readonly #objects: ModelObject[];
  readonly #names: NameTable;

  constructor(eventName: string, root: JsonObject, objects: ModelObject[], names: NameTable) {
    this.#eventName = eventName;
    this.#root = root;
    this.#objects = objects;
    this.#names = names;
  }

  readRoot(): void {
    const prefix = pascalCase(wordsOfEvent(this.#eventName));
    const merged = this.#merged(this.#root);
    this.#object(merged.schema, `${prefix}${rootSuffix}`, prefix, '', merged.notes);
  }

  /** `name` is the name of this type; the names of the types inside begin with `prefix`. */
  #object(
    schema: JsonObject,
    name: string,
    prefix: string,
    place: string,
    notes: readonly string[],
  ): ModelType {
    this.#names.take(name, `The type of ${this.#owner(place)}`);
    // A schema with two references to it is one type.
    if (this.#objects.some((object) => object.name === name)) return { kind: 'object', name };
    // A type precedes the types that it uses.
    const at = this.#objects.push({ name, members: [], extra: undefined, notes: [] }) - 1;
    const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
    const required = stringsOf(schema['required']);
    const members: ModelMember[] = [];
    for (const memberName of new Set([...Object.keys(properties), ...required])) {
      const value = properties[memberName] ?? true;
      // Skip a property whose schema is `false`: it can never be sent.
      if (value === false) continue;
      const memberPlace = `${place}/${escapePointer(memberName)}`;
      if (!memberName.isWellFormed()) this.#refuse(memberPlace, 'is a name with');
      const reading = this.#read(value, prefix + pascalCase(memberName), memberPlace);
      members.push({ name: memberName, required: required.includes(memberName), ...reading });
    }
    const extra = this.#extra(schema, prefix, place);
    this.#objects[at] = { name, members, extra, notes };
    return { kind: 'object', name };
  }

  #extra(schema: JsonObject, prefix: string, place: string): ModelType | undefined {
    const { additionalProperties: additional, patternProperties: patterns } = schema;
    if (patterns !== undefined) return any;
    if (additional === true) return any;
    if (additional === undefined || additional === false) return undefined;
    const reading = this.#read(additional, `${prefix}Value`, `${place}/*`);
    return withNull(reading);
  }

  #read(value: JsonValue, name: string, place: string): Reading {
    if (!isJsonObject(value)) return { type: any, nullable: false, notes: ['Any value.'] };
    const target = this.#target(value);
    if (target !== undefined) {
      const reading = this.#read(
        target.schema,
        pascalCase(wordsOfEvent(this.#eventName)) + pascalCase(target.name),
        target.pointer,
      );
      const own = notesOf(value);
      return own.length === 0 ? reading : { ...reading, notes: own };
    }
    const { schema, notes } = this.#merged(value);
    return { ...this.#typed(schema, name, place), notes };
  }

  #typed(schema: JsonObject, name: string, place: string): Omit<Reading, 'notes'> {
    const values = schema['const'] === undefined ? schema['enum'] : [schema['const']];
    if (Array.isArray(values)) return this.#enum(values, place);
    const branches = schema['anyOf'] ?? schema['oneOf'];
    const types = typesOf(schema);
    if (Array.isArray(branches) && types.length === 0) return this.#union(branches, name, place);
    const nullable = types.includes('null');
    const others = types.filter((type) => type !== 'null');
    const read = others.map((type) => this.#single(type, schema, name, place));
    if (read.length === 0) return { type: nullable ? { kind: 'null' } : any, nullable: false };
    return { type: read.length === 1 ? read[0]! : { kind: 'union', of: read }, nullable };
  }

  #enum(values: readonly JsonValue[], place: string): Omit<Reading, 'notes'> {
    const scalars = values.filter((each) => typeof each !== 'object' || each === null);
    if (scalars.length !== values.length || scalars.length === 0)
      return { type: any, nullable: false };
    for (const each of scalars) {
      if (typeof each === 'string' && !each.isWellFormed()) this.#refuse(place, 'has a value with');
      if (typeof each === 'number' && !Number.isFinite(each)) {
        throw new StartError(
          `${this.#owner(place)} has a value beyond the range of a double: change it.`,
        );
      }
    }
    const others = scalars.filter((each) => each !== null);
    const nullable = others.length < scalars.length;
    if (others.length === 0) return { type: { kind: 'null' }, nullable: false };
    return { type: { kind: 'enum', values: others }, nullable };
  }

  #owner(place: string): string {
    return place === '' ? this.#eventName : `${this.#eventName}'s ${shownName(place)}`;
  }

  #refuse(place: string, problem: string): never {
    throw new StartError(
      `${this.#owner(place)} ${problem} half of a surrogate pair, which no event can hold: write the whole character.`,
    );
  }

  #single(type: string, schema: JsonObject, name: string, place: string): ModelType {
    if (type === 'array') {
      if (schema['prefixItems'] !== undefined) return { kind: 'array', items: any };
      const items = this.#read(schema['items'] ?? true, singular(name), `${place}/items`);
      return { kind: 'array', items: withNull(items) };
    }
    if (type === 'object') {
      const hasMembers =
        isJsonObject(schema['properties']) || stringsOf(schema['required']).length > 0;
      if (hasMembers) return this.#object(schema, name, name, place, []);
      return { kind: 'map', values: this.#extra(schema, name, place) ?? any };
    }
    const simple = ['string', 'number', 'integer', 'boolean'] as const;
    const kind = simple.find((each) => each === type);
    return kind === undefined ? any : { kind };
  }

  #union(branches: readonly JsonValue[], name: string, place: string): Omit<Reading, 'notes'> {
    const readings = branches.map((branch, index) =>
      this.#read(branch, `${name}${index + 1}`, `${place}/${index + 1}`),
    );
    const nullable = readings.some(({ type, nullable }) => nullable || type.kind === 'null');
    const types = readings.map(({ type }) => type).filter(({ kind }) => kind !== 'null');
    if (types.length === 0 || types.some(({ kind }) => kind === 'any'))
      return { type: any, nullable: false };
    const distinct = new Map(types.map((type) => [JSON.stringify(type), type]));
    const of = [...distinct.values()];
    return { type: of.length === 1 ? of[0]! : { kind: 'union', of }, nullable };
  }

  /** Merges the objects of `allOf` into one. Only the gate checks the other rules of `allOf`. */
  #merged(schema: JsonObject): { schema: JsonObject; notes: readonly string[] } {
    const notes = notesOf(schema);
    const parts = schema['allOf'];
    if (!Array.isArray(parts)) return { schema, notes };
    const { allOf: _parts, ...own } = schema;
    let merged: JsonObject = own;
    let isComplete = true;
    for (const part of parts) {
      const inner = isJsonObject(part) ? (this.#target(part)?.schema ?? part) : undefined;
      if (inner === undefined || inner['allOf'] !== undefined || inner['$ref'] !== undefined) {
        isComplete = false;
        continue;
      }
      const both = { ...objectOf(merged['properties']), ...objectOf(inner['properties']) };
      const required = [
        ...new Set([...stringsOf(merged['required']), ...stringsOf(inner['required'])]),
      ];
      merged = {
        ...inner,
        ...merged,
        ...(Object.keys(both).length > 0 && { properties: both }),
        ...(required.length > 0 && { required }),
      };
      if (uncheckedKeywords.some((keyword) => inner[keyword] !== undefined)) isComplete = false;
    }
    return {
      schema: merged,
      notes: isComplete ? notes : [...notes, 'The type does not express all of allOf.'],
    };
  }

  /** The target of a reference, and its name. The file was checked before. */
  #target(schema: JsonObject): { schema: JsonObject; name: string; pointer: string } | undefined {
    const reference = schema['$ref'];
    if (typeof reference !== 'string') return undefined;
    const pointer = decodeURIComponent(reference.slice(1));
    let value: JsonValue | undefined = this.#root;
    for (const step of pointer.split('/').slice(1)) {
      value =
        isJsonObject(value) || Array.isArray(value)
          ? (value as JsonObject)[unescapePointer(step)]
          : undefined;
    }
    const name = pointer.split('/').at(-1)!;
    return isJsonObject(value) ? { schema: value, name, pointer } : undefined;
  }
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return value !== undefined && isJsonObject(value) ? value : {};
}

function stringsOf(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

function typesOf(schema: JsonObject): string[] {
  const { type } = schema;
  if (typeof type === 'string') return [type];
  if (Array.isArray(type)) return stringsOf(type);
  if (isJsonObject(schema['properties'])) return ['object'];
  return schema['items'] === undefined ? [] : ['array'];
}

function withNull({ type, nullable }: Omit<Reading, 'notes'>): ModelType {
  return nullable ? { kind: 'union', of: [type, { kind: 'null' }] } : type;
}

function notesOf(schema: JsonObject): string[] {
  const notes: string[] = [];
  const { description } = schema;
  if (typeof description === 'string') notes.push(description);
  const bounds = annotated
    .filter((keyword) => schema[keyword] !== undefined)
    .map((keyword) => `${keyword} ${JSON.stringify(schema[keyword])}`);
  if (bounds.length > 0) notes.push(`Checked by the gate: ${bounds.join(', ')}.`);
  const wide = uncheckedKeywords.filter((keyword) => schema[keyword] !== undefined);
  if ((schema['anyOf'] ?? schema['oneOf']) !== undefined && typesOf(schema).length > 0) {
    wide.push(schema['anyOf'] === undefined ? 'oneOf' : 'anyOf');
  }
  if (wide.length > 0)
    notes.push(`Only the gate checks this, because a type cannot: ${wide.join(', ')}.`);
  return notes;
}

/** `OrderCompletedItems` to `OrderCompletedItem`; other names get the suffix `Item`. */
function singular(name: string): string {
  return name.endsWith('s') && !name.endsWith('ss') ? name.slice(0, -1) : `${name}Item`;
}
