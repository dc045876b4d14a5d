import { isJsonObject, type JsonValue } from '../../event/json/json.ts';
import { modeText } from '../modes.ts';
import { compileSchema } from '../schema/compile-schema.ts';
import { checkSchemaSafety, schemaBytesMax } from '../schema/schema-safety.ts';
import type { PlannedEvent, SchemaRegistry, SchemaVersion } from '../schema-registry.ts';
import { createValidation, type Validation } from '../validation.ts';

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

/** The contracts with one event, which has one version. */
export function candidateOf(
  registry: SchemaRegistry,
  planned: PlannedEvent,
  schema: SchemaVersion,
  title: string,
): Candidate {
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
    eventName: planned.name,
    title,
    mode: modeText(planned.mode),
    lenient: validating(planned.mode),
    strict: validating('enforce'),
  };
}

/** Reads a schema that is not stored. Calls `refuse`, which throws, with what is wrong with it. */
export function readTriedSchema(text: string, refuse: (why: string) => never): SchemaVersion {
  if (text.length > schemaBytesMax) refuse(`it has more than ${schemaBytesMax} bytes`);
  const value = parsed(text, refuse);
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

function parsed(text: string, refuse: (why: string) => never): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    return refuse((error as Error).message);
  }
}
