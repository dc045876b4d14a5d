import { innerSchemas, reachableSchemas } from './schema-walk.ts';
import type { ErrorObject } from 'ajv/dist/2020.js';
import type { JsonObject } from '../../event/json/json.ts';
import type { ViolationKind } from '../modes.ts';

/** Keywords whose schemas apply in some cases only, or to names instead of values. */
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
 * Returns a function that classifies each error of one schema as a kind of violation.
 *
 * A property that is unknown to one branch of an `anyOf` may be required by another branch. So an
 * error in a part of the schema that applies in some cases only is an `advanced_rule`, whatever its
 * keyword.
 */
export function createClassifier(root: JsonObject): (error: ErrorObject) => ViolationKind {
  const unconditional = alwaysHolding(root);
  return ({ keyword, parentSchema }) =>
    unconditional.has(parentSchema as JsonObject)
      ? (kinds[keyword] ?? 'advanced_rule')
      : 'advanced_rule';
}

/** The schemas that apply in every case, except those that a conditional keyword also applies. */
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
