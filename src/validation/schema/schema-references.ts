import { allSchemas, innerSchemas, resolvePointer, type SchemaPlace } from './schema-walk.ts';
import type { JsonObject } from '../../event/json/json.ts';
import type { ReportFault } from '../registry-fault.ts';

/**
 * The most schemas after every $ref is expanded: a few references to references multiply into
 * millions of checks per event.
 */
export const expandedSchemasMax = 10_000;

/** The nesting depth after every $ref is expanded. A check makes one call per level. */
export const referenceDepthMax = 100;

/** Reports each $ref that points outside the file or to no schema, is circular, or multiplies. */
export function referenceFaults(root: JsonObject, refuse: ReportFault): void {
  const sizes = new Map<JsonObject, number>();
  const open = new Set<JsonObject>();
  const cyclic = new Set<string>();
  const places = new Map(allSchemas(root).map((place) => [place.schema, place]));
  let tooDeep = false;

  /** The number of schemas that one schema expands to. */
  function sizeOf(place: SchemaPlace): number {
    const known = sizes.get(place.schema);
    if (known !== undefined) return known;
    if (open.size >= referenceDepthMax) {
      tooDeep = true;
      return 1;
    }
    open.add(place.schema);
    let size = 1;
    for (const inner of innerSchemas(place)) size += sizeOf(inner);
    const target = targetOf(place, root, places, refuse);
    if (target !== undefined) {
      if (open.has(target.schema)) cyclic.add(`${place.path}/$ref`);
      else size += sizeOf(target);
    }
    open.delete(place.schema);
    sizes.set(place.schema, size);
    return size;
  }

  const size = sizeOf({ path: '', schema: root });
  for (const path of cyclic) {
    refuse(
      `${path} refers back to itself, so events could nest without end`,
      'Write the levels out.',
    );
  }
  if (tooDeep) {
    const problem = `its references lead more than ${referenceDepthMax} levels deep`;
    refuse(problem, 'Use fewer references to schemas that contain references.');
  }
  if (size > expandedSchemasMax) {
    refuse(
      `its references multiply into ${size} checks, more than ${expandedSchemasMax}`,
      'Use fewer references to schemas that contain references.',
    );
  }
}

function targetOf(
  { path, schema }: SchemaPlace,
  root: JsonObject,
  places: ReadonlyMap<JsonObject, SchemaPlace>,
  refuse: ReportFault,
): SchemaPlace | undefined {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return undefined;
  if (!reference.startsWith('#')) {
    refuse(
      `${path}/$ref points outside the file`,
      'Copy its schema into $defs: Headgate fetches no schemas.',
    );
    return undefined;
  }
  // Only schemas were checked. An entry of `examples` or `enum` is not a schema.
  const found = resolvePointer(root, reference);
  const target = found === undefined ? undefined : places.get(found);
  if (target === undefined) {
    refuse(
      `${path}/$ref does not point to a schema`,
      'Write the path of a schema in this file: #/$defs/money.',
    );
    return undefined;
  }
  return target;
}
