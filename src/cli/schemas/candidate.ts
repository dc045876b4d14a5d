import { readFile } from 'node:fs/promises';

import { StartError } from '../../errors.ts';
import { isJsonObject } from '../../event/json/json.ts';
import { compileSchema } from '../../validation/schema/compile-schema.ts';
import { modeText } from '../../validation/modes.ts';
import { checkSchemaSafety, schemaBytesMax } from '../../validation/schema/schema-safety.ts';
import {
  loadRegistry,
  type PlannedEvent,
  type SchemaVersion,
} from '../../validation/schema-registry.ts';
import { createValidation, type Validation } from '../../validation/validation.ts';

/** A contract that is not in force yet, ready to validate. */
export interface Candidate {
  readonly eventName: string;
  /** `version 3` or the file's name. */
  readonly title: string;
  /** The mode of the event in the taxonomy. */
  readonly mode: string;
  /** Validates by that mode. */
  readonly lenient: Validation;
  /** Rejects every violation. */
  readonly strict: Validation;
}

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
  const validating = (mode: PlannedEvent['mode']): Validation =>
    createValidation(
      {
        ...registry,
        events: [
          {
            ...planned,
            mode,
            active: schema.version,
            versions: [schema],
            superseded: new Map(),
            deprecated: [],
          },
        ],
      },
      // The hashes made here are not kept.
      { hashKey: 'for validating alone' },
    );
  return {
    eventName,
    title: file ?? `version ${schema.version}`,
    mode: modeText(planned.mode),
    lenient: validating(planned.mode),
    strict: validating('enforce'),
  };
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
  let value: unknown;
  try {
    const text = await readFile(file, 'utf8');
    if (text.length > schemaBytesMax) refuse(`it has more than ${schemaBytesMax} bytes`);
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof StartError) throw error;
    refuse((error as Error).message);
  }
  if (!isJsonObject(value)) return refuse('it is not a JSON object');
  const faults: string[] = [];
  if (!checkSchemaSafety(value, (problem, fix) => void faults.push(`${problem} (${fix})`))) {
    refuse(faults.join('; '));
  }
  try {
    return { version: 1, schema: value, ...compileSchema(value) };
  } catch (error) {
    return refuse((error as Error).message);
  }
}
