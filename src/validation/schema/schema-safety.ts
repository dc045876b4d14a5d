import { formatSubjectMax, numberFormats, textFormats } from './schema-formats.ts';
import { patternDanger, patternSubjectMax } from './pattern-safety.ts';
import { personalDataFaults } from './personal-data.ts';
import { referenceFaults } from './schema-references.ts';
import { escapePointer } from '../../event/json/json-pointer.ts';
import { allSchemas, type SchemaPlace } from './schema-walk.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import type { ReportFault } from '../registry-fault.ts';

/** Room for more than a thousand properties. */
export const schemaBytesMax = 256 * 1024;
/** Levels of the schema's JSON. Each level of an object takes two. */
export const schemaDepthMax = 40;
export const branchesMax = 32;
/** Every pair of items may be compared: 1,000 items make half a million comparisons. */
export const uniqueItemsMax = 1000;

const dialect = 'https://json-schema.org/draft/2020-12/schema';

/** Keywords that a schema file must not use, and what to write instead. */
const refusedKeywords: Readonly<Record<string, string>> = {
  $async: 'Leave it out: validation is synchronous.',
  $dynamicRef: 'Use a $ref into $defs.',
  $recursiveRef: 'Use a $ref into $defs.',
  // Ajv does not track the items that `contains`, or `items` inside branches, have evaluated.
  unevaluatedItems: 'Use items, or prefixItems with "items": false.',
};

/**
 * Reports everything in a schema that could hang the gate, or that Ajv would interpret in another
 * way. Returns true if the schema is safe to compile.
 */
export function checkSchemaSafety(root: JsonValue, report: ReportFault): boolean {
  let safe = true;
  const refuse: ReportFault = (problem, fix) => {
    safe = false;
    report(problem, fix);
  };
  if (!isJsonObject(root)) {
    refuse('it is not an object', 'Write {"type": "object", "properties": {...}}.');
    return false;
  }
  if (deeperThan(root, schemaDepthMax)) {
    refuse(`it is nested deeper than ${schemaDepthMax} levels`, 'Flatten it.');
    return false;
  }
  checkRoot(root, refuse);
  for (const place of allSchemas(root)) checkPlace(place, refuse);
  referenceFaults(root, refuse);
  personalDataFaults(root, refuse);
  checkUnevaluated(root, refuse);
  return safe;
}

/** Ajv treats a missing branch as if it had evaluated the properties of the other branch. */
function checkUnevaluated(root: JsonObject, refuse: ReportFault): void {
  const places = allSchemas(root);
  if (!places.some(({ schema }) => schema['unevaluatedProperties'] !== undefined)) return;
  for (const { path, schema } of places) {
    if (schema['if'] === undefined) continue;
    if (schema['then'] !== undefined && schema['else'] !== undefined) continue;
    refuse(
      `${path}/if has no then or no else, in a file with unevaluatedProperties`,
      'Write both; {} is always valid.',
    );
  }
}

function checkRoot(root: JsonObject, refuse: ReportFault): void {
  if (root['type'] !== 'object') {
    refuse('/type is not "object"', 'properties is always one: write "type": "object".');
  }
  if (root['$schema'] !== undefined && root['$schema'] !== dialect) {
    refuse('/$schema is not draft 2020-12', `Write "${dialect}", or leave it out.`);
  }
}

function checkPlace(place: SchemaPlace, refuse: ReportFault): void {
  const { path, schema } = place;
  for (const [keyword, fix] of Object.entries(refusedKeywords)) {
    if (schema[keyword] !== undefined) refuse(`${path}/${keyword} is refused`, fix);
  }
  if (path !== '' && schema['$id'] !== undefined) {
    refuse(`${path}/$id is refused`, 'Leave it out: a $ref means a place in this file.');
  }
  checkPattern(place, refuse);
  checkPatternProperties(place, refuse);
  checkFormat(place, refuse);
  for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
    const branches = schema[keyword];
    if (!Array.isArray(branches) || branches.length <= branchesMax) continue;
    const problem = `${path}/${keyword} has ${branches.length} branches, more than ${branchesMax}`;
    refuse(problem, 'Use an enum, or an event of its own for each kind.');
  }
  if (schema['uniqueItems'] === true && !bounded(schema['maxItems'], uniqueItemsMax)) {
    refuse(
      `${path}/uniqueItems has no maxItems beside it of at most ${uniqueItemsMax}`,
      'Every item is compared with every other: add a maxItems.',
    );
  }
  checkPropertyNames(place, refuse);
}

function checkPattern({ path, schema }: SchemaPlace, refuse: ReportFault): void {
  const pattern = schema['pattern'];
  if (typeof pattern !== 'string') return;
  if (!bounded(schema['maxLength'], patternSubjectMax)) {
    refuse(
      `${path}/pattern has no maxLength beside it of at most ${patternSubjectMax}`,
      'A pattern on a long text takes long: add a maxLength.',
    );
  }
  refusePattern(`${path}/pattern`, pattern, refuse);
}

function checkPatternProperties({ path, schema }: SchemaPlace, refuse: ReportFault): void {
  const patterns = schema['patternProperties'];
  if (patterns === undefined || !isJsonObject(patterns)) return;
  const names = schema['propertyNames'];
  const limit = names !== undefined && isJsonObject(names) ? names['maxLength'] : undefined;
  if (!bounded(limit, patternSubjectMax)) {
    refuse(
      `${path}/patternProperties has no propertyNames beside it with a maxLength`,
      `Add "propertyNames": {"maxLength": 64}; at most ${patternSubjectMax}.`,
    );
  }
  for (const pattern of Object.keys(patterns)) {
    refusePattern(`${path}/patternProperties/${escapePointer(pattern)}`, pattern, refuse);
  }
}

function refusePattern(place: string, pattern: string, refuse: ReportFault): void {
  const danger = patternDanger(pattern);
  if (danger === undefined) return;
  refuse(`${place} could hang the gate or cannot be checked: ${danger}`, 'Write a simpler one.');
}

function checkFormat({ path, schema }: SchemaPlace, refuse: ReportFault): void {
  const format = schema['format'];
  if (typeof format !== 'string' || numberFormats.some((known) => known === format)) return;
  if (!textFormats.some((known) => known === format)) {
    const known = [...textFormats, ...numberFormats].join(', ');
    refuse(`${path}/format is not a supported format`, `Use one of ${known}.`);
  } else if (!bounded(schema['maxLength'], formatSubjectMax)) {
    refuse(
      `${path}/format has no maxLength beside it of at most ${formatSubjectMax}`,
      'A format on a long text takes long: add a maxLength.',
    );
  }
}

/** Refuses names that Ajv finds on every object, sent or not, and impossible requirements. */
function checkPropertyNames({ path, schema }: SchemaPlace, refuse: ReportFault): void {
  const properties = schema['properties'];
  const known = properties !== undefined && isJsonObject(properties) ? properties : {};
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const wanted = required.filter((name) => typeof name === 'string');
  for (const name of new Set([...Object.keys(known), ...wanted])) {
    if (!(name in Object.prototype)) continue;
    refuse(
      `${path} names the property ${name}, which every JavaScript object has`,
      'Choose another name.',
    );
  }
  const patterned = schema['patternProperties'] !== undefined;
  if (schema['additionalProperties'] !== false || patterned) return;
  for (const name of wanted) {
    if (Object.hasOwn(known, name)) continue;
    refuse(
      `${path}/required names ${name}, which properties does not define, while additionalProperties is false`,
      'Fix the name, or add the property.',
    );
  }
}

function bounded(limit: JsonValue | undefined, max: number): boolean {
  return typeof limit === 'number' && limit <= max;
}

/** Does not use recursion, because the depth may be unsafe. */
function deeperThan(root: JsonValue, levelsMax: number): boolean {
  let level: JsonValue[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levelsMax) return true;
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
  return false;
}
