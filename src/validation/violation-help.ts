import { nearestName } from './nearest-name.ts';
import type { ErrorObject } from 'ajv/dist/2020.js';
import { isJsonObject, type JsonObject } from '../event/json/json.ts';
import type { Violation } from '../event/violation.ts';

const valuesShownMax = 20;
const valueTextMax = 64;
/**
 * Twenty violations share one trailer, and gRPC's Java client accepts at most 8 KiB of trailers.
 */
const expectedLengthMax = 200;
const descriptionLengthMax = 160;

/** The fields that a violation has besides its message. They help to fix a producer. */
export type ViolationHelp = Pick<Violation, 'expected' | 'suggestion' | 'description'>;

/** Taken from the schema alone; contains no data of the event. */
export function helpOf(error: ErrorObject): ViolationHelp {
  const { keyword, params } = error;
  const parent = (error.parentSchema ?? {}) as JsonObject;
  if (keyword === 'required') {
    const missing = schemaOf(parent, String(params['missingProperty']));
    return helpFrom(typeText(missing['type']), missing);
  }
  if (keyword === 'additionalProperties') {
    const known = knownNames(error);
    const suggestion = nearestName(String(params['additionalProperty']), known);
    return {
      ...(known.length === 0 ? {} : { expected: cut(listed(known), expectedLengthMax) }),
      ...(suggestion === undefined ? {} : { suggestion }),
    };
  }
  return helpFrom(expectedText(error), parent);
}

/** The property names of the schema that holds an unknown property. */
export function knownNames({ parentSchema }: ErrorObject): string[] {
  return Object.keys((parentSchema?.['properties'] as object | undefined) ?? {});
}

function helpFrom(expected: string | undefined, schema: JsonObject): ViolationHelp {
  const description = schema['description'];
  return {
    ...(expected === undefined ? {} : { expected: cut(expected, expectedLengthMax) }),
    ...(typeof description === 'string' && description.trim() !== ''
      ? { description: cut(description.trim(), descriptionLengthMax) }
      : {}),
  };
}

function schemaOf(parent: JsonObject, name: string): JsonObject {
  const properties = parent['properties'];
  if (properties === undefined || !isJsonObject(properties)) return {};
  const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
  return schema !== undefined && isJsonObject(schema) ? schema : {};
}

const comparisons: Readonly<Record<string, string>> = {
  '>=': 'at least',
  '<=': 'at most',
  '>': 'more than',
  '<': 'less than',
};

/** The limit of a number: `at least 0`. */
export function comparisonText({ params }: ErrorObject): string {
  const relation = comparisons[String(params['comparison'])] ?? String(params['comparison']);
  return `${relation} ${String(params['limit'])}`;
}

function expectedText(error: ErrorObject): string | undefined {
  const { keyword, params } = error;
  switch (keyword) {
    case 'type':
      return typeText(params['type']);
    case 'enum':
      return valueList(params['allowedValues']);
    case 'const':
      return schemaText(params['allowedValue']);
    case 'pattern':
    case 'format':
      return String(params[keyword]);
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return comparisonText(error);
    case 'multipleOf':
      return `a multiple of ${String(params['multipleOf'])}`;
    default:
      return undefined;
  }
}

/** `string or null`; undefined if the schema names no type. */
export function typeText(type: unknown): string | undefined {
  if (Array.isArray(type)) return type.join(' or ');
  return typeof type === 'string' ? type : undefined;
}

/** The values of an `enum` as JSON, at most 20. */
export function valueList(values: unknown): string {
  return listed((Array.isArray(values) ? (values as unknown[]) : []).map(schemaText));
}

/** A value of the schema as JSON. */
export function schemaText(value: unknown): string {
  return cut(JSON.stringify(value) ?? '', valueTextMax);
}

function listed(words: readonly string[]): string {
  const shown = words.slice(0, valuesShownMax).join(', ');
  return words.length > valuesShownMax ? `${shown}, ...` : shown;
}

function cut(text: string, lengthMax: number): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax)}...` : text;
}
