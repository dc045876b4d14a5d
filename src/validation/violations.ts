import type { SchemaFindings } from './schema/compile-schema.ts';
import { didYouMean } from './envelope.ts';
import { escapePointer } from '../event/json/json-pointer.ts';
import {
  comparisonText,
  helpOf,
  knownNames,
  schemaText,
  typeText,
  valueList,
} from './violation-help.ts';
import type { ErrorObject } from 'ajv/dist/2020.js';
import type { Violation } from '../event/violation.ts';

/** The most violations in one answer. The last one then says how many are not shown. */
export const violationsMax = 20;

/** The path of an unknown property ends in its name, which may be any text. */
const pathLengthMax = 512;

/** Translates Ajv's errors to violations. No message contains data of the event. */
export function violationsOf({ errors, complete, kindOf }: SchemaFindings): Violation[] {
  const violations = new Map<string, Violation>();
  let examined = 0;
  for (const error of errors) {
    if (violations.size >= violationsMax) break;
    examined++;
    const violation = violationOf(error, kindOf(error));
    violations.set(`${violation.path}\n${violation.message}`, violation);
  }
  const shown = [...violations.values()];
  if (!complete) {
    const size = 'the event has too many values to list every one';
    return [...shown, more(`only the first violation is shown: ${size}`)];
  }
  // A summary replaces the last violation.
  const hidden = errors.length - examined;
  if (hidden === 0) return shown;
  const last = more(`${hidden + 1} more violations are not shown; fix these first`);
  return [...shown.slice(0, -1), last];
}

function more(message: string): Violation {
  return { path: '/properties', code: 'more', message };
}

function violationOf(error: ErrorObject, kind: string): Violation {
  const path = pathOf(error).slice(0, pathLengthMax);
  return { path, code: error.keyword, message: messageOf(error), kind, ...helpOf(error) };
}

function pathOf(error: ErrorObject): string {
  const holder = `/properties${error.instancePath}`;
  const { params } = error;
  const name: unknown =
    params['missingProperty'] ??
    params['additionalProperty'] ??
    params['unevaluatedProperty'] ??
    params['propertyName'] ??
    error.propertyName;
  return typeof name === 'string' ? `${holder}/${escapePointer(name)}` : holder;
}

/** What each keyword expects, taken from the schema alone. */
const expectations: Readonly<Record<string, (error: ErrorObject) => string>> = {
  required: () => 'is required',
  dependentRequired: ({ params }) => `is required beside ${schemaText(params['property'])}`,
  additionalProperties: unknownProperty,
  unevaluatedProperties: () => 'is not a property that the schema defines',
  propertyNames: () => 'has a name that is not allowed here',
  type: typeMismatch,
  enum: ({ params }) => `must be one of ${valueList(params['allowedValues'])}`,
  const: ({ params }) => `must be ${schemaText(params['allowedValue'])}`,
  pattern: ({ params }) => `must match the pattern ${schemaText(params['pattern'])}`,
  format: ({ params }) => `must have the format ${schemaText(params['format'])}`,
  minLength: ({ params }) => `must have at least ${String(params['limit'])} characters`,
  maxLength: ({ params }) => `must have at most ${String(params['limit'])} characters`,
  minItems: ({ params }) => `must have at least ${String(params['limit'])} items`,
  maxItems: ({ params }) => `must have at most ${String(params['limit'])} items`,
  minProperties: ({ params }) => `must have at least ${String(params['limit'])} properties`,
  maxProperties: ({ params }) => `must have at most ${String(params['limit'])} properties`,
  minimum: (error) => `must be ${comparisonText(error)}`,
  maximum: (error) => `must be ${comparisonText(error)}`,
  exclusiveMinimum: (error) => `must be ${comparisonText(error)}`,
  exclusiveMaximum: (error) => `must be ${comparisonText(error)}`,
  multipleOf: ({ params }) => `must be a multiple of ${String(params['multipleOf'])}`,
  uniqueItems: () => 'must not have two equal items',
  items: ({ params }) => `must have at most ${String(params['limit'])} items`,
  contains: ({ params }) => `must contain at least ${String(params['minContains'])} matching items`,
  anyOf: () => 'must match at least one of the forms that the schema allows',
  oneOf: () => 'must match exactly one of the forms that the schema allows',
  not: () => 'has a form that the schema forbids',
  if: () => 'must meet what the schema requires in this case',
  'false schema': () => 'must not be sent in this case',
};

/** Ajv's own texts are never used: they may quote the event's data. */
function messageOf(error: ErrorObject): string {
  return expectations[error.keyword]?.(error) ?? `breaks the rule ${error.keyword} of the schema`;
}

function unknownProperty(error: ErrorObject): string {
  const name = String(error.params['additionalProperty']);
  return `is not a known property${didYouMean(name, knownNames(error))}`;
}

function typeMismatch({ params, data }: ErrorObject): string {
  const names = typeText(params['type']) ?? '';
  const sent = typeOf(data);
  // For a fraction, "must be of type integer, not number" would mislead.
  const found = sent === 'number' ? '' : `, not ${sent}`;
  return `must be of type ${names}${found}`;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
