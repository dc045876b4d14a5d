import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import { isJsonObject } from '../../event/json/json.ts';
import { typeOf } from '../../validation/compatibility/compare-values.ts';
import type { SchemaFindings } from '../../validation/schema/compile-schema.ts';
import { personalDataKeyword } from '../../validation/schema/personal-data.ts';
import { canonicalJson } from '../../validation/schema/schema-identity.ts';
import { unescapePointer } from '../../event/json/json-pointer.ts';

/** One keyword of a schema that events broke, and the values that broke it. */
export interface BrokenKeyword {
  /** The JSON pointer of the keyword in the schema: `#/properties/total/type`. */
  readonly schemaPath: string;
  readonly keyword: string;
  /** `items[].sku`, or the object whose members broke it. */
  readonly path: string;
  /** The names that lead there; `[]` is an item. */
  readonly steps: readonly string[];
  count: number;
  /** The types of the values. */
  readonly types: Set<string>;
  /** The values; undefined once there are too many. */
  values: Map<string, JsonValue> | undefined;
  /** The largest size: of a text, a list or an object. */
  sizeMax: number;
  sizeMin: number;
  /** Members that are missing, or that the schema does not know. */
  readonly names: Set<string>;
}

const failuresMax = 1000;
const valuesMax = 40;
const namesMax = 400;

/** Collects what events break in one schema. Bounded: 1,000 places, and 40 values of each. */
export interface Failures {
  /** `properties` are those in which the findings were found. */
  add(findings: SchemaFindings, properties: JsonObject): void;
  list(): BrokenKeyword[];
}

export function createFailures(): Failures {
  const failures = new Map<string, BrokenKeyword>();
  return {
    add: ({ errors }, properties) => {
      for (const error of errors) {
        if (isRedacted(error)) continue;
        const steps = stepsOf(error.instancePath, properties);
        const key = `${error.schemaPath} ${steps.join('/')}`;
        let failure = failures.get(key);
        if (failure === undefined) {
          if (failures.size >= failuresMax) continue;
          failures.set(key, (failure = emptyFailure(error, steps)));
        }
        note(failure, error);
      }
    },
    list: () => [...failures.values()],
  };
}

type SchemaError = SchemaFindings['errors'][number];

/** What is stored in place of personal data need not keep the rules of its place. */
function isRedacted({ keyword, params, parentSchema }: SchemaError): boolean {
  const holder = parentSchema as JsonObject | undefined;
  if (holder?.[personalDataKeyword] !== undefined) return true;
  if (keyword !== 'required') return false;
  const properties = holder?.['properties'];
  const missing = (params as { missingProperty: string }).missingProperty;
  const place = properties !== undefined && isJsonObject(properties) ? properties[missing] : null;
  return isJsonObject(place) && place[personalDataKeyword] !== undefined;
}

function emptyFailure(
  { schemaPath, keyword }: SchemaError,
  steps: readonly string[],
): BrokenKeyword {
  return {
    schemaPath,
    keyword,
    path: pathOfSteps(steps),
    steps,
    count: 0,
    types: new Set(),
    values: new Map(),
    sizeMax: 0,
    sizeMin: Infinity,
    names: new Set(),
  };
}

function note(failure: BrokenKeyword, { data, params }: SchemaError): void {
  failure.count += 1;
  const value = data as JsonValue;
  failure.types.add(typeOf(value));
  const size = sizeOf(value);
  failure.sizeMax = Math.max(failure.sizeMax, size);
  failure.sizeMin = Math.min(failure.sizeMin, size);
  const { missingProperty, additionalProperty, unevaluatedProperty } = params as Partial<
    Record<'missingProperty' | 'additionalProperty' | 'unevaluatedProperty', string>
  >;
  const name = missingProperty ?? additionalProperty ?? unevaluatedProperty;
  if (name !== undefined) {
    if (failure.names.size < namesMax) failure.names.add(name);
    return;
  }
  if (failure.values === undefined) return;
  const isLong = typeof value === 'object' ? value !== null : String(value).length > 200;
  if (isLong || failure.values.size >= valuesMax) failure.values = undefined;
  else failure.values.set(canonicalJson(value), value);
}

/** `items`, `[]`, `sku` is `items[].sku`. */
export function pathOfSteps(steps: readonly string[]): string {
  return steps.join('.').replaceAll('.[]', '[]');
}

/** `/items/0/sku` is `items`, `[]`, `sku` if `items` is a list; an object may have a member `0`. */
function stepsOf(pointer: string, properties: JsonObject): string[] {
  const steps: string[] = [];
  let value: JsonValue | undefined = properties;
  for (const step of pointer.split('/').slice(1)) {
    const name = unescapePointer(step);
    steps.push(Array.isArray(value) ? '[]' : name);
    value = (value as Readonly<Record<string, JsonValue>> | undefined)?.[name];
  }
  return steps;
}

function sizeOf(value: JsonValue): number {
  // JSON Schema counts characters, not UTF-16 code units.
  if (typeof value === 'string') return [...value].length;
  if (Array.isArray(value)) return value.length;
  return isJsonObject(value) ? Object.keys(value).length : 0;
}
