import { readFile } from 'node:fs/promises';

import { StartError } from '../../errors.ts';
import {
  loadRegistry,
  type PlannedEvent,
  type SchemaVersion,
} from '../../validation/schema-registry.ts';
import { candidateOf, readTriedSchema, type Candidate } from '../../validation/trial/candidate.ts';

/**
 * Reads a version of an event from a folder of schemas, or a schema from a file for it. Throws a
 * StartError that says what is wrong with it.
 */
export async function readCandidate(
  eventName: string,
  version: number | undefined,
  file: string | undefined,
  schemasDir: string,
): Promise<Candidate> {
  const registry = await loadRegistry(schemasDir);
  const planned = registry.events.find(({ name }) => name === eventName);
  if (planned === undefined) {
    throw new StartError(
      `The taxonomy in ${schemasDir} has no event ${eventName}. Add it there: its mode counts too.`,
    );
  }
  const schema = file === undefined ? versionOf(planned, version) : await readSchema(file);
  return candidateOf(registry, planned, schema, file ?? `version ${schema.version}`);
}

function versionOf({ name, versions, active }: PlannedEvent, version = active): SchemaVersion {
  const found = versions.find((each) => each.version === version);
  if (found !== undefined) return found;
  const known = versions.map((each) => each.version).join(', ');
  throw new StartError(
    `${name} has no version ${version}, only ${known}. Write it, or use --file.`,
  );
}

async function readSchema(file: string): Promise<SchemaVersion> {
  const refuse = (why: string): never => {
    throw new StartError(`${file} is no schema to try: ${why}.`);
  };
  const text = await readFile(file, 'utf8').catch((error: Error) => refuse(error.message));
  return readTriedSchema(text, refuse);
}
