import { eventError } from './event-faults.ts';
import { strictest, type ModesByKind } from './modes.ts';
import { withoutProperties, type Unwanted } from './personal-data/strip-properties.ts';
import { violationsOf } from './violations.ts';
import type { ErrorObject } from 'ajv/dist/2020.js';
import type { SchemaFindings, CompiledSchema } from './schema/compile-schema.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';
import type { EventError, EventWarning } from '../event/verdict.ts';

/** The result for an event that breaks its schema. */
export interface EnforcementResult {
  /** Undefined if the event may be stored. */
  readonly error: EventError | undefined;
  readonly warnings: readonly EventWarning[];
  /** The properties to store, if they differ from those sent. */
  readonly event: IncomingEvent | undefined;
}

/** The version that validates an event, and the modes of the event. */
export interface ValidatingVersion {
  readonly eventName: string;
  readonly version: number;
  readonly schema: CompiledSchema;
  readonly modes: ModesByKind;
}

const nothingToReport: EnforcementResult = Object.freeze({
  error: undefined,
  warnings: [],
  event: undefined,
});

/** Applies the modes of the event to the findings of its schema. The strictest mode decides. */
export function enforceModes(
  version: ValidatingVersion,
  event: IncomingEvent,
  findings: SchemaFindings,
): EnforcementResult {
  const { modes } = version;
  const actionOf = (error: ErrorObject) => modes[findings.kindOf(error)];
  // If the findings are incomplete, the missing ones may be of any kind.
  const verdict = findings.complete
    ? strictest(findings.errors.map(actionOf))
    : strictest(Object.values(modes));
  const reported = only(findings, (error) => actionOf(error) !== 'allow');
  if (verdict === 'reject' || verdict === 'quarantine') return refusal(version, verdict, reported);
  if (verdict === 'allow') return nothingToReport;
  const unknown = only(findings, (error) => actionOf(error) === 'strip');
  if (unknown.errors.length > 0) return strip(version, event, unknown);
  const warned = only(findings, (error) => actionOf(error) === 'warn');
  const warnings = warned.errors.length === 0 ? [] : [schemaWarning(version, warned)];
  return { error: undefined, warnings, event: undefined };
}

/**
 * Removes the unknown properties and validates the rest again: it may have fewer properties than
 * the schema requires, or break a rule that a removed property met.
 */
function strip(
  version: ValidatingVersion,
  event: IncomingEvent,
  removed: SchemaFindings,
): EnforcementResult {
  const stripped = withoutProperties(event, removed.errors.map(unwantedOf));
  const remaining = version.schema.findingsIn(stripped.properties, stripped.propertiesText);
  const violations = violationsOf(removed).map((violation) =>
    violation.code === 'more'
      ? violation
      : { ...violation, message: `${violation.message}: removed` },
  );
  const warning = {
    code: 'properties_stripped',
    message: `properties that version ${version.version} of ${version.eventName} does not define were removed before the event was stored: see violations`,
    violations,
  };
  if (remaining === undefined) return { error: undefined, warnings: [warning], event: stripped };
  // No unknown property should remain. If one does, it cannot be stripped.
  const modes = { ...version.modes, additional_property: 'reject' } as const;
  const rest = enforceModes({ ...version, modes }, stripped, remaining);
  return rest.error === undefined
    ? { error: undefined, warnings: [warning, ...rest.warnings], event: stripped }
    : rest;
}

function unwantedOf({ instancePath, params }: ErrorObject): Unwanted {
  const name: unknown = params['additionalProperty'] ?? params['unevaluatedProperty'];
  return { holder: instancePath, name: String(name) };
}

function refusal(
  version: ValidatingVersion,
  verdict: 'reject' | 'quarantine',
  found: SchemaFindings,
): EnforcementResult {
  const problem = brokenText(version);
  const error =
    verdict === 'reject'
      ? eventError('schema_violation', problem, violationsOf(found))
      : quarantineError(problem, violationsOf(found));
  return { error, warnings: [], event: undefined };
}

/** The verdict on an event that is kept for a replay, and not stored in EVENTS. */
export function quarantineError(problem: string, violations: EventError['violations']): EventError {
  return eventError(
    'quarantined',
    `${problem}. The event is kept in quarantine for a replay, and need not be sent again`,
    violations,
  );
}

function schemaWarning(version: ValidatingVersion, found: SchemaFindings): EventWarning {
  return eventError('schema_violation', brokenText(version), violationsOf(found));
}

function brokenText({ eventName, version }: ValidatingVersion): string {
  return `properties break version ${version} of ${eventName}: see violations`;
}

function only(findings: SchemaFindings, wanted: (error: ErrorObject) => boolean): SchemaFindings {
  return { ...findings, errors: findings.errors.filter(wanted) };
}
