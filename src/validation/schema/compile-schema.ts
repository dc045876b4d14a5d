import addFormats from 'ajv-formats';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';

import { isSchema } from '../../../gen/json-schema/draft-2020-12.ts';
import { formatSubjectMax, numberFormats, textFormats } from './schema-formats.ts';
import { patternSteps, patternSubjectMax } from './pattern-safety.ts';
import { personalDataKeyword } from './personal-data.ts';
import { patternStepsMax, TooMuchWork, valuesValidatedMax, valuesListedMax } from './work-bound.ts';
import { createClassifier } from './violation-kind.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import { repeatsItem } from '../../event/json/same-json.ts';
import type { ViolationKind } from '../modes.ts';

/** A compiled schema. */
export interface CompiledSchema {
  /**
   * How the properties break the schema; undefined if they meet it. `text` is `propertiesText` of the
   * event: two items whose doubles are equal may have other digits there.
   */
  readonly findingsIn: (
    properties: JsonObject,
    text?: string | undefined,
  ) => SchemaFindings | undefined;
}

/** How an event breaks its schema. */
export interface SchemaFindings {
  readonly errors: readonly ErrorObject[];
  /** False if the event was too large to look for more than its first error. */
  readonly complete: boolean;
  readonly kindOf: (error: ErrorObject) => ViolationKind;
}

/**
 * The most values of an event whose errors are all listed. Ajv creates an error for every violation
 * and cannot be stopped: 200,000 unknown properties blocked the gate for 170 ms. This many take 5
 * ms.
 */
export const valuesReportedMax = 5000;

type TextCheck = (text: string) => boolean;

/** For the event that is being validated. Validation is synchronous: one event at a time. */
let patternStepsLeft = patternStepsMax;

/**
 * Compiles a schema that passed checkSchemaSafety. Throws an Error that names what is wrong in it.
 *
 * Compiles twice. The first validator checks every event and stops at the first error, so that a
 * hostile event costs little. The second lists every error; it is compiled when an event first
 * breaks the schema.
 */
export function compileSchema(schema: JsonObject): CompiledSchema {
  if (!isSchema(schema)) {
    const faults = isSchema.errors ?? [];
    throw new Error(faults.map((fault) => `${fault.instancePath} ${fault.message}`).join(', '));
  }
  // `$schema` was checked before; Ajv would have to know the schema that it names.
  const { $schema: _, ...rest } = schema;
  const first = compileAndParse(rest, false);
  const validatedMax = valuesValidatedMax(rest);
  const listedMax = valuesListedMax(rest, valuesReportedMax);
  let every: ValidateFunction | undefined;
  let kindOf: SchemaFindings['kindOf'] | undefined;
  let everyCompiles = true;
  /** False if the code is too large: for the very largest schemas, V8 cannot parse it. */
  const compiled = (): boolean => {
    try {
      every ??= compileAndParse(rest, true);
    } catch {
      everyCompiles = false;
    }
    return everyCompiles;
  };
  return {
    findingsIn: (properties, text) => {
      if (validatedMax !== undefined && !hasAtMost(properties, validatedMax)) {
        throw new TooMuchWork(
          `have more than ${validatedMax} values, which take too long to check`,
        );
      }
      patternStepsLeft = patternStepsMax;
      if (first(properties)) return undefined;
      const complete = everyCompiles && hasAtMost(properties, listedMax) && compiled();
      patternStepsLeft = patternStepsMax;
      if (complete) every!(properties);
      const found = (complete ? every?.errors : first.errors) ?? [];
      const errors = text === undefined || !complete ? found : withoutDistinctItems(found, text);
      // The errors hold the event, and would keep it in memory until the next invalid event.
      first.errors = null;
      if (every !== undefined) every.errors = null;
      if (errors.length === 0) return undefined;
      return { errors, complete, kindOf: (kindOf ??= createClassifier(rest)) };
    },
  };
}

/** Ajv compares doubles: ids beyond 2^53 that differ in their last digits look equal to it. */
function withoutDistinctItems(errors: readonly ErrorObject[], text: string): ErrorObject[] {
  return errors.filter(
    ({ keyword, instancePath }) => keyword !== 'uniqueItems' || repeatsItem(text, instancePath),
  );
}

/**
 * Calls the validator once: V8 parses a function at its first call, and fails if it is too large.
 */
function compileAndParse(schema: JsonObject, allErrors: boolean): ValidateFunction {
  try {
    const validate = compile(schema, allErrors);
    validate({});
    return validate;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new Error('it has too many rules to compile', { cause });
  }
}

/** Whether a value has at most `valuesMax` values inside it. Visits no more than that. */
function hasAtMost(root: JsonObject, valuesMax: number): boolean {
  const waiting: JsonValue[] = [root];
  let count = 0;
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    // Ends early: Object.values would list every value first.
    for (const name in value) {
      if (++count > valuesMax) return false;
      waiting.push((value as JsonObject)[name]!);
    }
  }
  return true;
}

/**
 * Compiles with a separate Ajv instance, because an instance keeps all it has compiled. Without
 * `strict` it accepts schemas that are valid but most likely a mistake (`minimum` without a type),
 * as the official test suite has many of them; validation is the same.
 */
export function compile(schema: JsonObject, allErrors: boolean, strict = true): ValidateFunction {
  const ajv = new Ajv2020({
    strict,
    // A `required` in an `if` or `anyOf` names properties of an outer schema.
    strictRequired: false,
    allowUnionTypes: true,
    allErrors,
    // Messages need the schema around an error, and the type of the value.
    verbose: true,
    // Tolerates rounding: 19.99 / 0.01 is 1998.9999999999998.
    multipleOfPrecision: 6,
    // The caller validates the schema against the draft.
    meta: false,
    validateSchema: false,
    logger: false,
    code: { regExp: boundedRegExp },
  });
  ajv.addKeyword({ keyword: personalDataKeyword, schemaType: 'string' });
  for (const name of numberFormats) ajv.addFormat(name, addFormats.default.get(name));
  for (const name of textFormats) {
    ajv.addFormat(name, { type: 'string', validate: boundedFormat(textCheckOf(name)) });
  }
  return ajv.compile(schema);
}

/**
 * With `allErrors`, Ajv runs a pattern even if the maxLength of the text has failed, so this
 * enforces the limit. The verdict is the same: every pattern has a maxLength beside it within that
 * limit.
 */
function boundedRegExp(pattern: string, flags: string): { test: TextCheck } {
  const expression = new RegExp(pattern, flags);
  const stepsOf = patternSteps(pattern);
  return {
    test: (text) => {
      if (text.length > patternSubjectMax) return true;
      patternStepsLeft -= stepsOf(text.length);
      if (patternStepsLeft < 0) {
        throw new TooMuchWork('have so many texts for patterns that they take too long to check');
      }
      return expression.test(text);
    },
    // Ajv distinguishes expressions by this text.
    toString: () => String(expression),
  } as { test: TextCheck };
}
boundedRegExp.code = 'boundedRegExp';

function boundedFormat(check: TextCheck): TextCheck {
  return (text) => text.length > formatSubjectMax || check(text);
}

/** Whether a text has a format, as the gate checks it; `text` must not be longer than formatSubjectMax. */
export function textCheckOf(name: (typeof textFormats)[number]): TextCheck {
  const format = addFormats.default.get(name);
  const check = typeof format === 'object' && 'validate' in format ? format.validate : format;
  if (check instanceof RegExp) return (text) => check.test(text);
  if (typeof check === 'function') return check as TextCheck;
  throw new TypeError(`ajv-formats has no check for ${name}`);
}
