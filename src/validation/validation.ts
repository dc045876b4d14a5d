import { didYouMean, eventNameFault, idempotencyKeyFault } from './envelope.ts';
import { eventError, fieldError } from './event-faults.ts';
import { identityFault } from './identity.ts';
import { violationsOf } from './violations.ts';
import type { EventError, EventWarning } from '../event/verdict.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';
import type { PlannedEvent, SchemaRegistry, SchemaVersion } from './schema-registry.ts';
import type { ValidationMode } from './taxonomy.ts';

export { loadRegistry, readRegistry } from './schema-registry.ts';

/** What the contract says of one event. */
export interface Judgement {
  /** Undefined: the event may be stored. */
  readonly error: EventError | undefined;
  readonly warnings: readonly EventWarning[];
  /** The version that judged it; 0 when none did. */
  readonly schemaVersion: number;
}

/** Judges events by envelope, taxonomy and schema. */
export interface Validation {
  /** Never throws, whatever the event holds. */
  judge(event: IncomingEvent): Judgement;
  /** Every event that the taxonomy plans: the closed set of the metrics' label. */
  readonly eventNames: readonly string[];
}

/** What is looked up for an event, laid out for the hot path. */
interface Plan {
  readonly name: string;
  readonly mode: ValidationMode;
  readonly active: Rule;
  readonly rules: ReadonlyMap<number, Rule>;
}

/** One version of one event. */
interface Rule {
  readonly schema: SchemaVersion;
  /** The one answer to every event that meets it: nothing is allocated for a valid event. */
  readonly valid: Judgement;
}

/**
 * Who sends one unplanned event sends many of it, and looking for the nearest of 500 names can
 * take 2 ms.
 */
const unplannedRememberedMax = 1000;

const noWarnings: readonly EventWarning[] = Object.freeze([]);

/** Judges by the registry that `loadRegistry` read. */
export function createValidation(registry: SchemaRegistry): Validation {
  const plans = new Map(registry.events.map((event) => [event.name, planOf(event)]));
  const unplannedJudgements = new Map<string, Judgement>();

  function judgeKnown(event: IncomingEvent): Judgement {
    if (event.fault !== undefined) return rejected(event.fault, 0);
    const plan = plans.get(event.eventName);
    // A planned name was checked when the taxonomy was read.
    const fault =
      (plan === undefined
        ? eventNameFault(event.eventName, registry.verbs, plans.keys())
        : undefined) ??
      identityFault(event) ??
      idempotencyKeyFault(event.idempotencyKey);
    if (fault !== undefined) return rejected(fault, 0);
    return plan === undefined ? unplanned(event.eventName) : judgeProperties(plan, event);
  }

  function unplanned(name: string): Judgement {
    const known = unplannedJudgements.get(name);
    if (known !== undefined) return known;
    const suggestion = didYouMean(name, plans.keys());
    const problem = `the taxonomy has no event of this name${suggestion}`;
    const error = eventError('unplanned_event', problem);
    const judgement: Judgement =
      registry.unplanned === 'warn'
        ? Object.freeze({ error: undefined, warnings: [error], schemaVersion: 0 })
        : Object.freeze(rejected(error, 0));
    if (unplannedJudgements.size >= unplannedRememberedMax) unplannedJudgements.clear();
    unplannedJudgements.set(name, judgement);
    return judgement;
  }

  return {
    eventNames: Object.freeze([...plans.keys()]),
    judge: (event) => {
      try {
        return judgeKnown(event);
      } catch {
        // Comparing items of thousands of levels overflows the stack; nothing else here throws.
        const message = 'cannot be checked: nest them less deep';
        return rejected(fieldError('properties', 'depth', message), 0);
      }
    },
  };
}

function planOf(event: PlannedEvent): Plan {
  const schemas = new Map(event.versions.map((schema) => [schema.version, schema]));
  const rules = new Map(
    event.versions.map(({ version }): [number, Rule] => {
      const judging = event.superseded.get(version) ?? version;
      const warnings = event.deprecated.includes(version) ? [moveOn(event, version)] : noWarnings;
      const valid = Object.freeze({ error: undefined, warnings, schemaVersion: judging });
      return [version, { schema: schemas.get(judging)!, valid }];
    }),
  );
  const active = rules.get(event.active);
  if (active === undefined) throw new Error(`${event.name} has no version ${event.active}`);
  return { name: event.name, mode: event.mode, active, rules };
}

function moveOn({ name, active }: PlannedEvent, version: number): EventWarning {
  const message = `version ${version} of ${name} is deprecated: send version ${active}`;
  return Object.freeze({ code: 'deprecated_schema_version', message, violations: [] });
}

function judgeProperties(plan: Plan, event: IncomingEvent): Judgement {
  const version = event.schemaVersion;
  const rule = version === 0 ? plan.active : plan.rules.get(version);
  if (rule === undefined) return rejected(unknownVersion(plan), 0);
  if (plan.mode === 'off') return rule.valid;
  const findings = rule.schema.findingsIn(event.properties);
  if (findings === undefined) return rule.valid;
  const violations = violationsOf(findings);
  const { schemaVersion } = rule.valid;
  const problem = `properties break version ${schemaVersion} of ${plan.name}: see violations`;
  const broken = eventError('schema_violation', problem, violations);
  return plan.mode === 'warn'
    ? { error: undefined, warnings: [broken, ...rule.valid.warnings], schemaVersion }
    : rejected(broken, schemaVersion);
}

function unknownVersion(plan: Plan): EventError {
  const known = [...plan.rules.keys()].join(', ');
  const active = plan.active.valid.schemaVersion;
  return eventError(
    'unknown_schema_version',
    `${plan.name} has the versions ${known}: send one of them, or 0 for the active one, ${active}`,
  );
}

function rejected(error: EventError, schemaVersion: number): Judgement {
  return { error, warnings: noWarnings, schemaVersion };
}
