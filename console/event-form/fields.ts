import { isJson } from '../parts/json/format-json.ts';
import { isExactNumber, isObject, writeExact, type ExactJson } from './exact-json.ts';

/** One value of an event that a person can change. */
export interface Field {
  /** A JSON pointer into the event, such as `/properties/items/0/sku`. */
  readonly path: string;
  /** `items[0].sku`. */
  readonly label: string;
  readonly kind: 'text' | 'number' | 'boolean' | 'choice' | 'json';
  readonly choices: readonly string[];
  readonly isRequired: boolean;
  readonly description: string;
  /** The contract has this place. */
  readonly isPlanned: boolean;
  /** The value as JSON; undefined if the event has none. */
  readonly json: string | undefined;
}

/** A JSON Schema, as far as a form uses it. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly $ref?: string;
}

/** More fields are no form: the rest of the event is changed as JSON. */
const fieldsMax = 200;
const depthMax = 4;
const itemsMax = 20;

/** The fields of an event: its person, the properties of the contract, and those that it lacks. */
export function fieldsOf(event: ExactJson, schemaJson: string | undefined, ids: boolean): Field[] {
  const root = (schemaJson === undefined ? {} : JSON.parse(schemaJson)) as Schema;
  const fields: Field[] = [];
  const members = isObject(event) ? event : {};
  if (ids) {
    for (const name of ['event_name', 'user_id', 'anonymous_id']) {
      fields.push(leaf(`/${name}`, name, { type: 'string' }, member(members, name), true, false));
    }
  }
  const properties = member(members, 'properties');
  const schema = resolve(root, root);
  addMembers(fields, '/properties', '', schema, root, isObject(properties) ? properties : {}, 0);
  return fields.slice(0, fieldsMax);
}

function addMembers(
  fields: Field[],
  path: string,
  label: string,
  schema: Schema,
  root: Schema,
  value: Readonly<Record<string, ExactJson>>,
  depth: number,
): void {
  const planned = Object.keys(schema.properties ?? {});
  const extra = Object.keys(value).filter((name) => !planned.includes(name));
  for (const name of [...planned, ...extra]) {
    const below = schema.properties !== undefined && Object.hasOwn(schema.properties, name);
    add(fields, {
      path: `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      label: label === '' ? name : `${label}.${name}`,
      schema: below ? resolve(schema.properties![name]!, root) : undefined,
      root,
      value: member(value, name),
      isRequired: schema.required?.includes(name) ?? false,
      depth,
    });
  }
}

interface Place {
  readonly path: string;
  readonly label: string;
  readonly schema: Schema | undefined;
  readonly root: Schema;
  readonly value: ExactJson | undefined;
  readonly isRequired: boolean;
  readonly depth: number;
}

function add(fields: Field[], place: Place): void {
  const { path, label, schema, root, value, isRequired, depth } = place;
  if (fields.length >= fieldsMax) return;
  if (schema !== undefined && depth < depthMax && isObject(value) && schema.properties) {
    addMembers(fields, path, label, schema, root, value, depth + 1);
    return;
  }
  if (schema?.items !== undefined && depth < depthMax && Array.isArray(value)) {
    const items = resolve(schema.items, root);
    for (const [index, item] of value.slice(0, itemsMax).entries()) {
      const at = { path: `${path}/${index}`, label: `${label}[${index}]` };
      add(fields, { ...at, schema: items, root, value: item, isRequired: false, depth: depth + 1 });
    }
    return;
  }
  fields.push(leaf(path, label, schema ?? {}, value, schema !== undefined, isRequired));
}

function leaf(
  path: string,
  label: string,
  schema: Schema,
  value: ExactJson | undefined,
  isPlanned: boolean,
  isRequired: boolean,
): Field {
  const choices = schema.enum ?? (schema.const === undefined ? [] : [schema.const]);
  return {
    path,
    label,
    kind: kindOf(schema, choices, value),
    choices: choices.map((choice) => JSON.stringify(choice)),
    isRequired,
    description: schema.description ?? '',
    isPlanned,
    json: value === undefined ? undefined : writeExact(value),
  };
}

function kindOf(
  { type }: Schema,
  choices: readonly unknown[],
  value: ExactJson | undefined,
): Field['kind'] {
  if (choices.length > 0) return 'choice';
  const [first] = [type ?? typeOf(value)].flat();
  if (first === 'string') return 'text';
  if (first === 'number' || first === 'integer') return 'number';
  return first === 'boolean' ? 'boolean' : 'json';
}

function typeOf(value: ExactJson | undefined): string {
  if (value === undefined || value === null) return 'json';
  return isExactNumber(value) ? 'number' : typeof value;
}

/** Follows a reference within the schema, and no further than ten steps. */
function resolve(schema: Schema, root: Schema): Schema {
  let found: Schema = schema;
  for (let step = 0; step < 10 && found.$ref?.startsWith('#/') === true; step += 1) {
    const { $ref, ...beside } = found;
    let target: unknown = root;
    for (const name of $ref.slice(2).split('/')) {
      const key = decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~');
      target = Object.hasOwn(Object(target), key) ? (target as Record<string, unknown>)[key] : {};
    }
    found = { ...(target as Schema), ...beside };
  }
  return found;
}

function member(of: Readonly<Record<string, ExactJson>>, name: string): ExactJson | undefined {
  return Object.hasOwn(of, name) ? of[name] : undefined;
}

/** The JSON of what was typed into a field. */
export function jsonOfInput({ kind }: Pick<Field, 'kind'>, typed: string): string | undefined {
  if (typed === '') return undefined;
  if (kind === 'text') return JSON.stringify(typed);
  // What is no JSON is sent as a text: the service says what is wrong with it.
  return isJson(typed) ? typed : JSON.stringify(typed);
}

/** What the field shows for it: texts without quotes where texts are expected. */
export function inputOfJson({ kind }: Pick<Field, 'kind'>, json: string | undefined): string {
  if (json === undefined) return '';
  return kind === 'text' && json.startsWith('"') ? (JSON.parse(json) as string) : json;
}

/** The same value in the type that the contract asks for: `12` of `"12"`. Undefined if it has no such value. */
export function convertedJson({ kind }: Pick<Field, 'kind'>, json: string | undefined) {
  if (json === undefined) return undefined;
  if (kind === 'text') return /^(-?\d|true$|false$)/.test(json) ? JSON.stringify(json) : undefined;
  if ((kind !== 'number' && kind !== 'boolean') || !json.startsWith('"')) return undefined;
  const text = (JSON.parse(json) as string).trim();
  const fits = kind === 'number' ? /^-?(0|[1-9]\d*)(\.\d+)?$/ : /^(true|false)$/;
  return fits.test(text) ? text : undefined;
}
