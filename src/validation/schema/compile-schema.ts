import addFormats from 'ajv-formats';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';

import { formatSubjectMax, numberFormats, textFormats } from './schema-formats.ts';
import { patternSteps, patternSubjectMax } from './pattern-safety.ts';
import { personalDataKeyword } from './personal-data.ts';
import { patternStepsMax, TooMuchWork, valuesValidatedMax, valuesListedMax } from './work-bound.ts';
import { createClassifier } from './violation-kind.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import type { ViolationKind } from '../modes.ts';

/** A schema ready to validate. */
export interface CompiledSchema {
  /** How the properties break the schema; undefined when they meet it. */
  readonly findingsIn: (properties: JsonObject) => SchemaFindings | undefined;
}

/** How an event breaks its schema. */
export interface SchemaFindings {
  readonly errors: readonly ErrorObject[];
  /** False: the event was too large to look past its first error. */
  readonly complete: boolean;
  readonly kindOf: (error: ErrorObject) => ViolationKind;
}

/**
 * Ajv makes an error for every broken place and cannot be stopped: 200,000 unknown properties took
 * 170 ms, during which the gate answers nobody. Up to this many values it is 5 ms.
 */
export const valuesReportedMax = 5000;

type TextCheck = (text: string) => boolean;

/** Of the event that is being validated: one at a time, and none waits in the middle of it. */
let patternStepsLeft = patternStepsMax;

/** Holds the draft's own schema, which takes 50 ms to compile: made once, when first needed. */
let dialect: Ajv2020 | undefined;

/**
 * Compiles a schema that was found safe. Throws an Error that says what in it is wrong.
 *
 * Twice: what validates every event stops at its first error, so that a hostile one costs little;
 * what lists every error is compiled when an event first breaks the schema.
 */
export function compileSchema(schema: JsonObject): CompiledSchema {
  dialect ??= new Ajv2020({ strict: true, logger: false });
  if (dialect.validateSchema(schema) !== true) {
    throw new Error(dialect.errorsText(dialect.errors, { dataVar: '' }));
  }
  // Its `$schema` was looked at, and would have to be known to the instance.
  const { $schema: _, ...rest } = schema;
  const first = compileWhole(rest, false);
  const validatedMax = valuesValidatedMax(rest);
  const listedMax = valuesListedMax(rest, valuesReportedMax);
  let every: ValidateFunction | undefined;
  let kindOf: SchemaFindings['kindOf'] | undefined;
  let everyIsSound = true;
  /** Its code is longer than the other's, and of the very largest schemas beyond what V8 parses. */
  const compiled = (): boolean => {
    try {
      every ??= compileWhole(rest, true);
    } catch {
      everyIsSound = false;
    }
    return everyIsSound;
  };
  return {
    findingsIn: (properties) => {
      if (validatedMax !== undefined && !hasAtMost(properties, validatedMax)) {
        throw new TooMuchWork(
          `have more than ${validatedMax} values, which take too long to check`,
        );
      }
      patternStepsLeft = patternStepsMax;
      if (first(properties)) return undefined;
      const complete = everyIsSound && hasAtMost(properties, listedMax) && compiled();
      patternStepsLeft = patternStepsMax;
      if (complete) every!(properties);
      const errors = (complete ? every?.errors : first.errors) ?? [];
      // The errors hold the event, which must not live on until the next broken one.
      first.errors = null;
      if (every !== undefined) every.errors = null;
      return { errors, complete, kindOf: (kindOf ??= createClassifier(rest)) };
    },
  };
}

/** V8 parses a function when it is first called: what is too large for it must be found out here. */
function compileWhole(schema: JsonObject, allErrors: boolean): ValidateFunction {
  try {
    const validate = compile(schema, allErrors);
    validate({});
    return validate;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new Error('it has too many rules to be made into a check', { cause });
  }
}

/** Whether a value has at most so many values inside of it; looks at no more than that. */
function hasAtMost(root: JsonObject, valuesMax: number): boolean {
  const waiting: JsonValue[] = [root];
  let count = 0;
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    // A loop with an early end: Object.values would list everything first.
    for (const name in value) {
      if (++count > valuesMax) return false;
      waiting.push((value as JsonObject)[name]!);
    }
  }
  return true;
}

/**
 * An instance of its own for each schema: ajv never lets go of what one has compiled. Without `strict`
 * it takes what is sound and most likely not meant (`minimum` without a type), which the official test
 * suite is full of; what it validates it validates the same.
 */
export function compile(schema: JsonObject, allErrors: boolean, strict = true): ValidateFunction {
  const ajv = new Ajv2020({
    strict,
    // A `required` in an `if` or `anyOf` names properties that stand further out.
    strictRequired: false,
    allowUnionTypes: true,
    allErrors,
    // Messages need the schema around an error, and the type of what was sent.
    verbose: true,
    // 19.99 / 0.01 is 1998.9999999999998.
    multipleOfPrecision: 6,
    // Checked against the draft by the caller, by one instance for all.
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
 * With `allErrors` ajv runs a pattern on a text whose maxLength has failed, so the bound is kept
 * here. The verdict is the same: every pattern has a maxLength beside it that is not above it.
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
    // ajv distinguishes expressions by this.
    toString: () => String(expression),
  } as { test: TextCheck };
}
boundedRegExp.code = 'boundedRegExp';

function boundedFormat(check: TextCheck): TextCheck {
  return (text) => text.length > formatSubjectMax || check(text);
}

function textCheckOf(name: (typeof textFormats)[number]): TextCheck {
  const format = addFormats.default.get(name);
  const check = typeof format === 'object' && 'validate' in format ? format.validate : format;
  if (check instanceof RegExp) return (text) => check.test(text);
  if (typeof check === 'function') return check as TextCheck;
  throw new TypeError(`ajv-formats has no check for ${name}`);
}
