import type { JsonObject } from '../../event/json/json.ts';
import { compatibilityFindings, isAllowed } from '../../validation/compatibility/compatibility.ts';
import type { PlannedEvent } from '../../validation/schema-registry.ts';
import { compileAccepted } from '../infer-schema.ts';
import { schemaOfMember, type Doubt, type SchemaChoices } from '../schema-of-sketch.ts';
import { schemaText } from '../schema-text.ts';
import { depthMax, type Sketch } from '../sketch.ts';
import { pathOfSteps, type BrokenKeyword } from './failures.ts';
import { widenSchema } from './widen-schema.ts';

/** What `--update` does about an event that has a contract. */
export interface EventUpdate {
  /** The version to write; undefined if the contract stays as it is. */
  readonly version: number | undefined;
  readonly text: string;
  readonly changes: readonly Doubt[];
  readonly doubts: readonly Doubt[];
}

/**
 * The next version of an event: as the active one, but it takes what was seen. It is written only if
 * the event's `compatibility` allows it and everything that was valid stays valid.
 */
export function updateEvent(
  event: PlannedEvent,
  sketch: Sketch,
  failures: readonly BrokenKeyword[],
  choices: Omit<SchemaChoices, 'levelsMax'>,
): EventUpdate {
  const kept = (doubts: readonly Doubt[]): EventUpdate => ({
    version: undefined,
    text: '',
    changes: [],
    doubts,
  });
  if (failures.length === 0) return kept([]);
  const last = event.versions.at(-1)!;
  if (last.version !== event.active) {
    const text = `version ${last.version} is not active yet: activate it, or remove it, and try again`;
    return kept([{ path: '', text }]);
  }
  const doubts: Doubt[] = [];
  const describe = (steps: readonly string[], name: string): JsonObject | undefined => {
    const member = memberAt(sketch, steps, name);
    if (member === undefined) return undefined;
    const path = pathOfSteps([...steps, name]);
    const described = schemaOfMember(member, { ...choices, levelsMax: depthMax }, path, name);
    doubts.push(...described.doubts);
    return described.schema;
  };
  const { schema, changes, left } = widenSchema(last.schema, failures, describe);
  if (changes.length === 0) return kept(left);
  const text = schemaText(schema);
  if (compileAccepted(schema, text) === undefined) {
    return kept([
      ...left,
      { path: '', text: 'too large with what came: a person has to change it' },
    ]);
  }
  const version = last.version + 1;
  const findings = compatibilityFindings(last, { version, schema });
  const refused = findings.filter(
    (finding) => finding.breaks.includes('producers') || !isAllowed(event.compatibility, finding),
  );
  if (refused.length > 0) {
    const reasons = refused.map(({ place, message }) => ({
      path: place,
      text: `not changed, compatibility is ${event.compatibility}: ${message}`,
    }));
    return kept([...left, ...reasons]);
  }
  return { version, text, changes, doubts: [...left, ...doubts] };
}

function memberAt(sketch: Sketch, steps: readonly string[], name: string): Sketch | undefined {
  let at: Sketch | undefined = sketch;
  for (const step of [...steps, name]) {
    at = (step === '[]' ? at?.items : undefined) ?? at?.members?.get(step);
  }
  return at;
}
