import { compatibilityFindings, isAllowed, type CompatibilityFinding } from './compatibility.ts';
import { canonicalJson } from '../schema/schema-identity.ts';
import type { PlannedEvent, SchemaRegistry } from '../schema-registry.ts';

/** How one event changed between two registries. */
export interface EventChange {
  readonly event: string;
  /** The version that changed; 0 for the event itself. */
  readonly version: number;
  readonly kind: 'added' | 'removed' | 'rewritten' | 'version';
  /** Whether the event's `compatibility` allows it; a released version never changes. */
  readonly allowed: boolean;
  readonly message: string;
  readonly findings: readonly CompatibilityFinding[];
}

/** The changes of a new registry against the current one, and whether each is allowed. */
export function registryChanges(before: SchemaRegistry, after: SchemaRegistry): EventChange[] {
  const now = new Map(after.events.map((event) => [event.name, event]));
  const old = new Map(before.events.map((event) => [event.name, event]));
  const removed = before.events.filter(({ name }) => !now.has(name)).map(removedChange);
  const changed = after.events.flatMap((event) => {
    const known = old.get(event.name);
    return known === undefined ? [addedChange(event)] : eventChanges(known, event);
  });
  return [...removed, ...changed];
}

function addedChange({ name, versions }: PlannedEvent): EventChange {
  const message = 'is new: no producer sends it yet';
  return {
    event: name,
    version: versions.length,
    kind: 'added',
    allowed: true,
    message,
    findings: [],
  };
}

function removedChange({ name, compatibility }: PlannedEvent): EventChange {
  return {
    event: name,
    version: 0,
    kind: 'removed',
    allowed: compatibility === 'none',
    message: 'is removed: the gate will answer its producers that the event is not in the taxonomy',
    findings: [],
  };
}

function eventChanges(before: PlannedEvent, after: PlannedEvent): EventChange[] {
  const changes: EventChange[] = [];
  for (const released of before.versions) {
    const same = after.versions.find(({ version }) => version === released.version);
    const rewritten = differenceText(released.schema, same?.schema);
    if (rewritten === undefined) continue;
    changes.push({
      event: after.name,
      version: released.version,
      kind: 'rewritten',
      allowed: false,
      message: `version ${released.version} was released and ${rewritten}`,
      findings: [],
    });
  }
  const last = before.versions.at(-1)?.version ?? 0;
  for (const added of after.versions.filter(({ version }) => version > last)) {
    changes.push(versionChange(after, added.version));
  }
  return changes;
}

function differenceText(
  before: PlannedEvent['versions'][number]['schema'],
  after: PlannedEvent['versions'][number]['schema'] | undefined,
): string | undefined {
  if (after === undefined) return 'is missing: restore it';
  if (canonicalJson(before) === canonicalJson(after)) return undefined;
  return 'has changed since: restore it, and write the next number';
}

/** One version of an event against the one before it. */
export interface VersionStep extends EventChange {
  /** Its version is older than the active one: it is in use, and cannot be changed any more. */
  readonly past: boolean;
}

/** Each version from the second on, against the one before it, as if it were just written. */
export function versionSteps({ events }: SchemaRegistry): VersionStep[] {
  return events.flatMap((event) =>
    event.versions.slice(1).map(({ version }) => ({
      ...versionChange(event, version),
      past: version < event.active,
    })),
  );
}

/**
 * Compares a version with the version before it that still validates. A superseded version is
 * broken, so its fix is not compared with it.
 */
export function versionChange(event: PlannedEvent, version: number): EventChange {
  const added = event.versions.find((each) => each.version === version)!;
  const baseline = event.versions.findLast(
    (each) => each.version < version && !event.superseded.has(each.version),
  );
  const findings = baseline === undefined ? [] : compatibilityFindings(baseline, added);
  // A superseded version validates no events.
  const allowed =
    event.superseded.has(version) ||
    findings.every((finding) => isAllowed(event.compatibility, finding));
  const against = baseline === undefined ? '' : ` after version ${baseline.version}`;
  const verdict = allowed ? 'is allowed' : 'is not allowed';
  return {
    event: event.name,
    version,
    kind: 'version',
    allowed,
    message: `version ${version}${against} ${verdict} (compatibility: ${event.compatibility})`,
    findings,
  };
}
