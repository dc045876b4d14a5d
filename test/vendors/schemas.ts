import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { schemasWith } from '../endpoints/schemas-folder.ts';

/** The sample taxonomy, and the events of the SDKs' other calls, which accept any properties. */
export function vendorSchemas(): ReturnType<typeof schemasWith> {
  const names = [
    'user_identified',
    'screen_viewed',
    'group_joined',
    'group_identified',
    'user_aliased',
  ];
  const free = { entry: 'active: 1', versions: [{ type: 'object' }] };
  const schemas = schemasWith(Object.fromEntries(names.map((name) => [name, free])));
  const taxonomy = path.join(schemas.folder, 'taxonomy.yaml');
  const text = readFileSync(taxonomy, 'utf8');
  writeFileSync(taxonomy, text.replace('verbs: [', 'verbs: [identified, joined, aliased, '));
  return schemas;
}
