import { setImmediate as nextTurn } from 'node:timers/promises';

import type { BucketEntry } from '../jetstream/bucket/bucket.ts';
import { schemaRevisionsMax } from '../jetstream/topology.ts';
import { marksWith } from '../validation/schema/personal-data.ts';
import type { RegistryFault, ReportFault } from '../validation/registry-fault.ts';
import { schemaHash } from '../validation/schema/schema-identity.ts';
import {
  checkActive,
  compileVersion,
  emptyRegistry,
  type PlannedEvent,
  type SchemaRegistry,
  type SchemaVersion,
} from '../validation/schema-registry.ts';
import {
  eventsMax,
  readEntry,
  readHeader,
  type Fields,
  type TaxonomyHeader,
} from '../validation/taxonomy/taxonomy.ts';
import { anyEntryName } from '../validation/taxonomy/naming.ts';
import { readBucketJson } from './bucket-json.ts';
import { eventKey, readBucketKey, type BucketKey } from './bucket-keys.ts';

/**
 * The valid contents of the bucket.
 *
 * An invalid revision of an entry changes nothing: the newest valid revision stays in force, also
 * in a gate that starts later and reads both. The first valid revision of a schema version is that
 * version permanently. A deletion never takes an entry out of force.
 */
export interface RegistryContents {
  /** Applies revisions, oldest first. Resolves when the registry includes them. */
  apply(entries: readonly BucketEntry[]): Promise<void>;
  /** Returns a new object after each change; unchanged events stay the same objects. */
  readonly registry: () => SchemaRegistry;
  /** Entries whose newest revision is not in force. */
  readonly faults: () => readonly RegistryFault[];
  /** The newest applied revision. */
  readonly revision: () => number;
  /** The newest revision of an entry, which a write to it must expect; 0 if it has no revision. */
  readonly revisionOf: (key: string) => number;
  /** Whether the bucket was filled; a fill writes the header last. */
  readonly isFilled: () => boolean;
  readonly canHash: boolean;
  /** False if the limit of events is reached and this name is not one of them. */
  readonly hasRoomFor: (name: string) => boolean;
  /** The versions of an event, even if it has no entry yet. */
  readonly versionsOf: (name: string) => readonly SchemaVersion[];
  /** The entry in force, as written; `headerFields` does the same for the header. */
  readonly fieldsOf: (name: string) => Fields | undefined;
  readonly headerFields: () => Fields;
}

interface EventState {
  readonly versions: Map<number, SchemaVersion>;
  /** The revisions of its entry, newest last. */
  readonly revisions: EntryRevision[];
  inForce: Fields | undefined;
}

interface EntryRevision {
  readonly fields: Fields;
  /** Why the revision has no content: it is not JSON, or it was deleted. */
  readonly problems: readonly Problem[];
}

export interface RegistryContentsOptions {
  /** Whether a key for `"x-pii": "hash"` is set; without it such a schema cannot be in force. */
  readonly canHash: boolean;
}

/** The state after all applied revisions. */
interface AppliedState extends RegistryContentsOptions {
  readonly states: Map<string, EventState>;
  readonly planned: Map<string, PlannedEvent>;
  readonly revisions: Map<string, number>;
  readonly faults: Map<string, readonly RegistryFault[]>;
  header: TaxonomyHeader | undefined;
  headerFields: Fields;
  revision: number;
}

export function createRegistryContents(options: RegistryContentsOptions): RegistryContents {
  const applied: AppliedState = {
    ...options,
    states: new Map(),
    planned: new Map(),
    revisions: new Map(),
    faults: new Map(),
    header: undefined,
    headerFields: {},
    revision: 0,
  };
  let registry = emptyRegistry;
  return {
    apply: async (entries) => {
      const touched = new Set<string>();
      for (const entry of entries.filter((each) => each.revision > applied.revision)) {
        const name = applyEntry(applied, entry);
        if (name !== undefined) touched.add(name);
        // Compiling takes one or more milliseconds; let requests run in between.
        if (entry.key.startsWith('schema.')) await nextTurn();
      }
      if (entries.length === 0) return;
      for (const name of touched) planEvent(applied, name);
      registry = { ...emptyRegistry, ...applied.header, events: [...applied.planned.values()] };
    },
    registry: () => registry,
    faults: () => [...applied.faults.values()].flat(),
    revision: () => applied.revision,
    revisionOf: (key) => applied.revisions.get(key) ?? 0,
    isFilled: () => applied.header !== undefined,
    canHash: options.canHash,
    hasRoomFor: (name) => applied.states.has(name) || applied.states.size < eventsMax,
    versionsOf: (name) => {
      const state = applied.states.get(name);
      return state === undefined ? [] : versionsInOrder(state);
    },
    fieldsOf: (name) => applied.states.get(name)?.inForce,
    headerFields: () => applied.headerFields,
  };
}

/** Applies one revision. Returns the name of the changed event, or undefined. */
function applyEntry(applied: AppliedState, entry: BucketEntry): string | undefined {
  applied.revision = entry.revision;
  applied.revisions.set(entry.key, entry.revision);
  const problems: Problem[] = [];
  const report: ReportFault = (problem, mending) => void problems.push({ problem, mending });
  const key = readBucketKey(entry.key);
  let name: string | undefined;
  if (key === undefined)
    report('it is not an entry of Headgate', 'Keep other data in another bucket.');
  else name = applyValue(applied, key, entry, problems);
  setFaults(applied, entry.key, problems);
  return name;
}

function applyValue(
  applied: AppliedState,
  key: BucketKey,
  entry: BucketEntry,
  problems: Problem[],
): string | undefined {
  const report: ReportFault = (problem, mending) => void problems.push({ problem, mending });
  if (entry.deleted)
    report('it was deleted, but stays in force', 'Write it again, or deprecate it.');
  const value = entry.deleted ? undefined : readBucketJson(key.kind, entry.value, report);
  if (key.kind === 'taxonomy') {
    if (value !== undefined) applyHeader(applied, value, report);
    return undefined;
  }
  const state = stateOf(applied, key.name, report);
  if (state === undefined) return undefined;
  if (key.kind === 'schema') {
    return value === undefined ? undefined : applyVersion(applied, state, key, value, report);
  }
  state.revisions.push({ fields: value ?? {}, problems });
  if (state.revisions.length > schemaRevisionsMax) state.revisions.shift();
  return key.name;
}

function stateOf(applied: AppliedState, name: string, report: ReportFault): EventState | undefined {
  const { states } = applied;
  const known = states.get(name);
  if (known !== undefined) return known;
  if (states.size >= eventsMax) {
    report(`there are ${eventsMax} events already`, 'Use fewer.');
    return undefined;
  }
  const state: EventState = { versions: new Map(), revisions: [], inForce: undefined };
  states.set(name, state);
  return state;
}

function planEvent(applied: AppliedState, name: string): void {
  const state = applied.states.get(name)!;
  const found = newestValid(name, state, versionsInOrder(state));
  if (found === undefined) return;
  setFaults(applied, eventKey(name), found.faults);
  if (found.event === undefined) return;
  state.inForce = found.fields;
  applied.planned.set(name, found.event);
}

function setFaults(applied: AppliedState, key: string, problems: readonly Problem[]): void {
  if (problems.length === 0) applied.faults.delete(key);
  else
    applied.faults.set(
      key,
      problems.map((problem) => ({ file: key, ...problem })),
    );
}

type Problem = Omit<RegistryFault, 'file'>;

function applyHeader(applied: AppliedState, fields: Fields, report: ReportFault): void {
  let valid = true;
  const header = readHeader(fields, (problem, mending) => {
    valid = false;
    report(problem, mending);
  });
  if (valid) Object.assign(applied, { header, headerFields: fields });
}

function applyVersion(
  { canHash }: RegistryContentsOptions,
  state: EventState,
  { name, version }: { readonly name: string; readonly version: number },
  schema: SchemaVersion['schema'],
  report: ReportFault,
): string | undefined {
  const released = state.versions.get(version);
  if (released !== undefined) {
    if (schemaHash(released.schema) === schemaHash(schema)) return undefined;
    const mending = `Register it as version ${versionsInOrder(state).length + 1}.`;
    report('this version was released with another schema, which is kept', mending);
    return undefined;
  }
  const compiled = compileUsable(version, schema, canHash, report);
  if (compiled === undefined) return undefined;
  state.versions.set(version, compiled);
  return name;
}

/**
 * Compiles a version; undefined, with a report, if it is invalid or needs a key that is not set.
 */
export function compileUsable(
  version: number,
  schema: SchemaVersion['schema'],
  canHash: boolean,
  report: ReportFault,
): SchemaVersion | undefined {
  const compiled = compileVersion(version, schema, report);
  if (compiled === undefined || canHash || !marksWith(schema, 'hash')) return compiled;
  report('it says "x-pii": "hash", and this gate has no key', 'Set pii.hash_key for every gate.');
  return undefined;
}

/** The versions from 1 up to the first gap. */
function versionsInOrder({ versions }: EventState): SchemaVersion[] {
  const ordered: SchemaVersion[] = [];
  for (let version = versions.get(1); version !== undefined;) {
    ordered.push(version);
    version = versions.get(version.version + 1);
  }
  return ordered;
}

interface Found {
  readonly event: PlannedEvent | undefined;
  readonly fields: Fields | undefined;
  /** The faults of the newest revision. */
  readonly faults: readonly Problem[];
}

/** Finds the newest valid revision; undefined if the event has no entry yet. */
function newestValid(
  name: string,
  state: EventState,
  versions: readonly SchemaVersion[],
): Found | undefined {
  let faults: readonly Problem[] | undefined;
  for (const { fields, problems: known } of state.revisions.toReversed()) {
    faults ??= known.length > 0 ? known : undefined;
    if (known.length > 0) continue;
    const problems: Problem[] = [];
    const report: ReportFault = (problem, mending) => void problems.push({ problem, mending });
    // The name was checked at registration; the naming and the verbs may have changed since.
    const entry = readEntry(name, fields, anyEntryName, report);
    checkActive(entry, versions, report);
    faults ??= problems;
    if (problems.length === 0) return { event: { ...entry, versions }, fields, faults };
  }
  return faults === undefined ? undefined : { event: undefined, fields: undefined, faults };
}
