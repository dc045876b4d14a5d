import { schemaOfSketch, type Doubt, type SchemaChoices } from './schema-of-sketch.ts';
import { schemaText } from './schema-text.ts';
import { depthMax, type Sketch } from './sketch.ts';
import type { JsonObject } from '../event/json/json.ts';
import type { CompiledSchema } from '../validation/schema/compile-schema.ts';
import { checkChoices } from '../validation/schema/choices.ts';
import { schemaBytesMax } from '../validation/schema/schema-safety.ts';
import type { ReportFault } from '../validation/registry-fault.ts';
import { compileVersion } from '../validation/schema-registry.ts';

/** A contract that passes `schemas check`. */
export interface InferredSchema {
  readonly schema: JsonObject;
  /** As a file has it. */
  readonly text: string;
  readonly doubts: readonly Doubt[];
  readonly compiled: CompiledSchema | undefined;
}

/**
 * The schema of the properties of an event. If the gate would refuse it for its size, it describes fewer
 * levels.
 */
export function inferSchema(
  sketch: Sketch,
  choices: Omit<SchemaChoices, 'levelsMax'>,
): InferredSchema {
  for (let levelsMax = depthMax; levelsMax > 0; levelsMax--) {
    const { schema, doubts } = schemaOfSketch(sketch, { ...choices, levelsMax });
    const text = schemaText(schema);
    const cut =
      levelsMax === depthMax ? [] : [{ path: '', text: `only ${levelsMax} levels are described` }];
    const compiled = compileAccepted(schema, text);
    if (compiled !== undefined) return { schema, text, doubts: [...cut, ...doubts], compiled };
  }
  const schema = { type: 'object' };
  const doubts = [{ path: '', text: 'too large to describe: any properties are allowed' }];
  return { schema, text: schemaText(schema), doubts, compiled: undefined };
}

/** The schema, compiled; undefined if a gate does not start with it, which is reported. */
export function compileAccepted(
  schema: JsonObject,
  text: string,
  report: ReportFault = () => {},
): CompiledSchema | undefined {
  if (Buffer.byteLength(text) > schemaBytesMax) {
    report(`it has more than ${schemaBytesMax} bytes`, 'Split the event.');
    return undefined;
  }
  const compiled = compileVersion(1, schema, report);
  return compiled !== undefined && checkChoices(schema, report) ? compiled : undefined;
}
