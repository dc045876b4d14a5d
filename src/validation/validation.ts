import { eventNameFault, idempotencyKeyFault } from './envelope.ts';
import { withChangedProperties } from '../event/changed-properties.ts';
import { eventError, fieldError } from './event-faults.ts';
import { identityFault } from './identity.ts';
import { nearestName } from './nearest-name.ts';
import { createNameSent, type NameSent } from './sent-name.ts';
import {
  checkHashKey,
  personalOf,
  withoutRedacted,
  type Personal,
} from './personal-data/personal-plan.ts';
import { redactOriginal, type RedactedOriginal } from './personal-data/redact-original.ts';
import { enforceModes, quarantineError } from './enforce-modes.ts';
import { TooMuchWork } from './schema/work-bound.ts';
import type { EventError, EventWarning } from '../event/verdict.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';
import type { SchemaFindings } from './schema/compile-schema.ts';
import type { PlannedEvent, SchemaRegistry, SchemaVersion } from './schema-registry.ts';
import { isObserving } from './taxonomy/taxonomy.ts';
import {
  modesByKind,
  unplannedMode,
  type Enforcement,
  type ModesByKind,
  type UnplannedMode,
} from './modes.ts';

export { loadRegistry, readRegistry } from './schema-registry.ts';

/** The validation result of one event. */
export interface ValidationResult {
  /** Undefined if the event may be stored. */
  readonly error: EventError | undefined;
  readonly warnings: readonly EventWarning[];
  /** The version that validated the event; 0 if no version did. */
  readonly schemaVersion: number;
  /** What to store, if it differs from what was sent: its name or its properties. */
  readonly event: IncomingEvent | undefined;
}

/** Validates the envelope of an event, its name against the taxonomy, and its properties. */
export interface Validation {
  /** Never throws, whatever the event holds. */
  validate(event: IncomingEvent): ValidationResult;
  readonly nameSent: NameSent;
  /**
   * The redacted form to keep instead of the bytes of a rejected event, if its schemas mark
   * personal data. Undefined if they mark none. For an unplanned event, the marks of all schemas
   * apply.
   */
  readonly redactRejected: (event: IncomingEvent) => RedactedOriginal | undefined;
  /** The name of every planned event: the closed set of values of the metrics' label. */
  readonly eventNames: readonly string[];
}

/** What the hot path looks up for an event. */
interface Plan {
  readonly name: string;
  /** Undefined if `properties` are not validated. */
  readonly modes: ModesByKind | undefined;
  /** Of an event without a schema: a rule that nothing breaks. */
  readonly active: Rule;
  readonly rules: ReadonlyMap<number, Rule>;
  /** Undefined if no schema of the event marks personal data. Most do not. */
  readonly personal: Personal | undefined;
}

/** One version of one event. */
interface Rule {
  /** Undefined if the event has no schema; then it has no modes either. */
  readonly schema: SchemaVersion | undefined;
  /** The shared result of every event that meets it, so that a valid event allocates nothing. */
  readonly valid: ValidationResult;
}

/**
 * A producer of an unplanned event sends many of them, and finding the nearest of 500 names can
 * take 2 ms.
 */
const unplannedRememberedMax = 1000;

const noWarnings: readonly EventWarning[] = Object.freeze([]);

export interface ValidationOptions {
  /** `on` by default. */
  readonly enforcement?: Enforcement;
  /** The key for `"x-pii": "hash"`; required if a schema uses it. */
  readonly hashKey?: string | undefined;
  /** The gate is a relay: another gate will take personal data out, so events stay as they were sent. */
  readonly isEdge?: boolean;
}

/** Validates events against a registry. */
export function createValidation(
  registry: SchemaRegistry,
  { enforcement = 'on', hashKey, isEdge = false }: ValidationOptions = {},
): Validation {
  if (!isEdge) checkHashKey(registry.events, hashKey);
  const personal = (events: readonly PlannedEvent[]): Personal | undefined =>
    isEdge ? undefined : personalOf(events, hashKey);
  const plans = new Map(
    registry.events.map((event) => [event.name, planOf(event, enforcement, personal([event]))]),
  );
  const everything = personal(registry.events);
  const unplannedAction = unplannedMode(registry.unplanned, enforcement);
  const nameSent = createNameSent(registry.aliases, (name) => plans.has(name));
  const observing = isObserving(registry, registry.events);
  const unplannedValidations = new Map<string, ValidationResult>();

  function validateKnown(event: IncomingEvent): ValidationResult {
    if (event.fault !== undefined) return rejected(event.fault, 0);
    const plan = plans.get(event.eventName);
    // The name of a planned event was checked with the taxonomy.
    const fault =
      (plan === undefined ? eventNameFault(event.eventName, registry, plans.keys()) : undefined) ??
      identityFault(event) ??
      idempotencyKeyFault(event.idempotencyKey);
    if (fault !== undefined) return rejected(fault, 0);
    return plan === undefined ? unplanned(event.eventName) : validateProperties(plan, event);
  }

  function unplanned(name: string): ValidationResult {
    const known = unplannedValidations.get(name);
    if (known !== undefined) return known;
    const validation = observing
      ? observedValidation
      : Object.freeze(validateUnplanned(unplannedAction, name, plans.keys()));
    if (unplannedValidations.size >= unplannedRememberedMax) unplannedValidations.clear();
    unplannedValidations.set(name, validation);
    return validation;
  }

  return {
    nameSent,
    redactRejected: (event) => {
      const plan = plans.get(nameSent(event).eventName);
      const personal = plan === undefined ? everything : plan.personal;
      return personal === undefined ? undefined : redactOriginal(event, personal.redact);
    },
    eventNames: Object.freeze([...plans.keys()]),
    validate: (sent) => {
      const event = nameSent(sent);
      const result = validateSafely(event);
      // A rejected event is kept as it was sent.
      const isSame = event === sent || result.error !== undefined;
      return isSame || result.event !== undefined ? result : { ...result, event };
    },
  };

  function validateSafely(event: IncomingEvent): ValidationResult {
    try {
      return validateKnown(event);
    } catch (error) {
      if (error instanceof TooMuchWork) {
        return rejected(fieldError('properties', 'work', `${error.message}: send less`), 0);
      }
      // Comparing items of thousands of levels overflows the stack; nothing else here throws.
      const message = 'are nested too deep to be checked: use fewer levels';
      return rejected(fieldError('properties', 'depth', message), 0);
    }
  }
}

/** One object for all events, so that observing costs no more than a contract. */
const observedValidation: ValidationResult = Object.freeze({
  error: undefined,
  warnings: Object.freeze([
    Object.freeze({
      code: 'unplanned_event',
      message: 'observe mode: there are no contracts yet, and events of any name are stored',
      violations: [],
    }),
  ]),
  schemaVersion: 0,
  event: undefined,
});

function validateUnplanned(
  mode: UnplannedMode,
  name: string,
  planned: Iterable<string>,
): ValidationResult {
  const suggestion = nearestName(name, planned);
  const hint = suggestion === undefined ? '' : `. Did you mean ${suggestion}?`;
  const problem = `the taxonomy has no event of this name${hint}`;
  const violation = {
    path: '/event_name',
    code: 'unplanned_event',
    message: 'is not the name of a planned event',
    kind: 'unplanned_event',
    ...(suggestion === undefined ? {} : { suggestion }),
  };
  if (mode === 'quarantine') return rejected(quarantineError(problem, [violation]), 0);
  const error = eventError('unplanned_event', problem, [violation]);
  if (mode === 'reject') return rejected(error, 0);
  const warnings = mode === 'warn' ? [error] : noWarnings;
  return { error: undefined, warnings, schemaVersion: 0, event: undefined };
}

function planOf(
  event: PlannedEvent,
  enforcement: Enforcement,
  personal: Personal | undefined,
): Plan {
  const schemas = new Map(event.versions.map((schema) => [schema.version, schema]));
  const rules = new Map(
    event.versions.map(({ version }): [number, Rule] => {
      const validating = event.superseded.get(version) ?? version;
      const warnings = event.deprecated.includes(version)
        ? [deprecationWarning(event, version)]
        : noWarnings;
      const valid = { error: undefined, warnings, schemaVersion: validating, event: undefined };
      return [version, { schema: schemas.get(validating)!, valid: Object.freeze(valid) }];
    }),
  );
  const active = event.active === 0 ? withoutSchema : rules.get(event.active);
  if (active === undefined) throw new Error(`${event.name} has no version ${event.active}`);
  const modes = modesByKind(event.mode, enforcement);
  return { name: event.name, modes, active, rules, personal };
}

const withoutSchema: Rule = {
  schema: undefined,
  valid: Object.freeze({
    error: undefined,
    warnings: noWarnings,
    schemaVersion: 0,
    event: undefined,
  }),
};

function deprecationWarning({ name, active }: PlannedEvent, version: number): EventWarning {
  const message = `version ${version} of ${name} is deprecated: send version ${active}`;
  return Object.freeze({ code: 'deprecated_schema_version', message, violations: [] });
}

function validateProperties(plan: Plan, event: IncomingEvent): ValidationResult {
  const version = event.schemaVersion;
  const rule = version === 0 ? plan.active : plan.rules.get(version);
  if (rule === undefined) return rejected(unknownVersion(plan), 0);
  const { modes, personal } = plan;
  if (modes === undefined)
    return personal === undefined ? rule.valid : redacted(personal, rule, event);
  const findings = rule.schema?.findingsIn(event.properties, event.propertiesText);
  if (findings === undefined) {
    return personal === undefined ? rule.valid : redacted(personal, rule, event);
  }
  return validateFindings(plan, modes, rule, rule.schema!, event, findings);
}

/** For events whose schemas mark personal data. */
function redacted(personal: Personal, rule: Rule, event: IncomingEvent): ValidationResult {
  return { ...rule.valid, event: withChangedProperties(event, personal.redact) };
}

function validateFindings(
  plan: Plan,
  modes: ModesByKind,
  rule: Rule,
  schema: SchemaVersion,
  event: IncomingEvent,
  findings: SchemaFindings,
): ValidationResult {
  const { personal } = plan;
  const { schemaVersion, warnings } = rule.valid;
  const validated = { eventName: plan.name, version: schemaVersion, schema, modes };
  const enforced = enforceModes(validated, event, withoutRedacted(findings, personal));
  if (enforced.error !== undefined) return { ...enforced, schemaVersion };
  const kept = enforced.event ?? event;
  return {
    error: undefined,
    warnings: warnings === noWarnings ? enforced.warnings : [...enforced.warnings, ...warnings],
    schemaVersion,
    event: personal === undefined ? enforced.event : withChangedProperties(kept, personal.redact),
  };
}

function unknownVersion(plan: Plan): EventError {
  if (plan.rules.size === 0) {
    const message = `${plan.name} has no schema: send schema_version 0, or leave it out`;
    return eventError('unknown_schema_version', message);
  }
  const known = [...plan.rules.keys()].join(', ');
  const active = plan.active.valid.schemaVersion;
  return eventError(
    'unknown_schema_version',
    `${plan.name} has the versions ${known}: send one of them, or 0 for the active one, ${active}`,
  );
}

function rejected(error: EventError, schemaVersion: number): ValidationResult {
  return { error, warnings: noWarnings, schemaVersion, event: undefined };
}
