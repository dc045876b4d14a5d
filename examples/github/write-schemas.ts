/**
 * Writes schemas/ from event-names.ts and kinds/: `node examples/github/write-schemas.ts`.
 *
 * The files are committed, and a test checks that they are up to date. Only version 1 is written,
 * which is right until the first release. After that a released file never changes, and a changed
 * kind needs a version 2.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { stringify } from 'yaml';

import { namedDeliveries } from './event-names.ts';
import { fieldsOf, kinds } from './map-payload.ts';

export const schemasFolder = join(import.meta.dirname, 'schemas');

/** Returns the text of every file, by its path under schemas/. */
export function schemaFiles(): Map<string, string> {
  const files = new Map([['taxonomy.yaml', taxonomyText()]]);
  for (const { event, eventName, description } of namedDeliveries) {
    const fields = Object.entries(fieldsOf(event, eventName));
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: eventName,
      description,
      type: 'object',
      additionalProperties: false,
      required: fields.filter(([, field]) => field.required).map(([name]) => name),
      properties: Object.fromEntries(fields.map(([name, field]) => [name, field.schema])),
    };
    files.set(`${eventName}/1.json`, `${JSON.stringify(schema, null, 2)}\n`);
  }
  return files;
}

function taxonomyText(): string {
  const verbs = new Set<string>();
  const events: string[] = [];
  for (const { event, eventName, description } of namedDeliveries) {
    verbs.add(eventName.slice(eventName.lastIndexOf('_') + 1));
    const owner = kinds.get(event)?.owner;
    const entry = stringify(
      { owner, description, active: 1, mode: 'enforce' },
      {
        collectionStyle: 'flow',
        lineWidth: 0,
      },
    );
    events.push(`  ${eventName}: ${entry.trim()}`);
  }
  return [
    "# GitHub's webhooks as events. Written by ../write-schemas.ts from ../event-names.ts.",
    stringify({ verbs: [...verbs].sort(), unplanned: 'reject' }).trim(),
    'events:',
    // Several deliveries may have the same name; the Set leaves one entry of it.
    ...[...new Set(events)].sort(),
    '',
  ].join('\n');
}

function writeSchemas(): void {
  rmSync(schemasFolder, { recursive: true, force: true });
  const files = schemaFiles();
  for (const [path, content] of files) {
    mkdirSync(dirname(join(schemasFolder, path)), { recursive: true });
    writeFileSync(join(schemasFolder, path), content);
  }
  process.stdout.write(`wrote ${files.size} files to ${schemasFolder}\n`);
}

if (import.meta.main) writeSchemas();
