import { innerSchemas, reachableSchemas } from './schema-walk.ts';
import type { ErrorObject } from 'ajv/dist/2020.js';
import type { JsonObject } from '../../event/json/json.ts';
import type { ViolationKind } from '../modes.ts';

/** What a schema says under these holds in some cases only, or for names rather than values. */
const conditional = new Set([
  'anyOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
  'contains',
  'dependentSchemas',
  'propertyNames',
]);

const kinds: Readonly<Record<string, ViolationKind>> = {
  required: 'missing_required',
  type: 'wrong_type',
  additionalProperties: 'additional_property',
  unevaluatedProperties: 'additional_property',
};

/**
 * Finds for each error of one schema which kind of violation it is.
 *
 * A property that is unknown to one branch of an `anyOf` may be what another asks for: what breaks a
 * part of the schema that does not hold in every case is an `advanced_rule`, whatever its keyword.
 */
export function createClassifier(root: JsonObject): (error: ErrorObject) => ViolationKind {
  const unconditional = alwaysHolding(root);
  return ({ keyword, parentSchema }) =>
    unconditional.has(parentSchema as JsonObject)
      ? (kinds[keyword] ?? 'advanced_rule')
      : 'advanced_rule';
}

/** The schemas that hold in every case, except those that also stand for one of several. */
function alwaysHolding(root: JsonObject): Set<JsonObject> {
  const always = reachableSchemas(root, [root], (keyword) => !conditional.has(keyword));
  const starts = [...always].flatMap((schema) =>
    innerSchemas({ path: '', schema })
      .filter(({ path }) => conditional.has(path.split('/')[1]!))
      .map((place) => place.schema),
  );
  for (const schema of reachableSchemas(root, starts, () => true)) always.delete(schema);
  return always;
}
