import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import type { ReportFault } from '../registry-fault.ts';
import { allSchemas } from './schema-walk.ts';

/**
 * Reports whole numbers beyond 2^53 in `const` and `enum`: events are validated as doubles, to which such a
 * number and its neighbours are equal. Returns true if there are none.
 *
 * For files only, and after `checkSchemaSafety`: a schema that is in a registry already stays in force.
 */
export function checkChoices(root: JsonObject, report: ReportFault): boolean {
  let isFine = true;
  for (const { path, schema } of allSchemas(root)) {
    for (const keyword of ['const', 'enum']) {
      const number = unsafeIn(schema[keyword]);
      if (number === undefined) continue;
      isFine = false;
      report(
        `${path}/${keyword} has a whole number beyond 2^53, ${number}, which is equal to its neighbours`,
        'Make the property a string, and write the number in quotes.',
      );
    }
  }
  return isFine;
}

function unsafeIn(value: JsonValue | undefined): number | undefined {
  const waiting = value === undefined ? [] : [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === 'number' && Number.isInteger(next) && !Number.isSafeInteger(next)) {
      return next;
    }
    if (typeof next === 'object' && next !== null) waiting.push(...Object.values(next));
  }
  return undefined;
}
