import { setImmediate as nextTurn } from 'node:timers/promises';

import type { BucketEntry } from '../jetstream/schema-bucket.ts';
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
import { readBucketJson } from './bucket-json.ts';
import { eventKey, readBucketKey, type BucketKey } from './bucket-keys.ts';

/**
 * What the bucket says, as far as it is sound.
 *
 * A bad revision of an entry changes nothing: the newest one that is sound stays in force, also in a
 * gate that starts later and reads both. Of a version of a schema the first sound revision is the
 * version, for good. What is there is never taken away by a revision that deletes it.
 */
export interface RegistryContents {
  /** Takes revisions in, oldest first. Ends when the registry says what they say. */
  apply(entries: readonly BucketEntry[]): Promise<void>;
  /** Another object after each change; events that did not change are the same objects. */
  readonly registry: () => SchemaRegistry;
  /** Entries whose newest revision is not in force. */
  readonly faults: () => readonly RegistryFault[];
  /** The newest revision that was taken in. */
  readonly revision: () => number;
  /** The newest revision of an entry, 0 when it has none: what a write to it must expect. */
  readonly revisionOf: (key: string) => number;
  /** Whether the bucket was ever filled: the header is written last. */
  readonly isFilled: () => boolean;
  readonly canHash: boolean;
  /** False: there are as many events as there may be, and this is none of them. */
  readonly hasRoomFor: (name: string) => boolean;
  /** The versions of an event, also of one that has no entry yet. */
  readonly versionsOf: (name: string) => readonly SchemaVersion[];
  /** The entry in force, and the header, as they were written. */
  readonly fieldsOf: (name: string) => Fields | undefined;
  readonly headerFields: () => Fields;
}

interface EventState {
  readonly versions: Map<number, SchemaVersion>;
  /** Of its entry, the newest last. */
  readonly revisions: EntryRevision[];
  inForce: Fields | undefined;
}

interface EntryRevision {
  readonly fields: Fields;
  /** By which it can say nothing: it is no JSON, or was deleted. */
  readonly problems: readonly Problem[];
}

export interface RegistryContentsOptions {
  /** Whether there is a key for `"x-pii": "hash"`: without it such a schema cannot be in force. */
  readonly canHash: boolean;
}

/** All that was taken in. */
interface Taken extends RegistryContentsOptions {
  readonly states: Map<string, EventState>;
  readonly planned: Map<string, PlannedEvent>;
  readonly revisions: Map<string, number>;
  readonly faults: Map<string, readonly RegistryFault[]>;
  header: TaxonomyHeader | undefined;
  headerFields: Fields;
  revision: number;
}

export function createRegistryContents(options: RegistryContentsOptions): RegistryContents {
  const taken: Taken = {
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
      for (const entry of entries.filter((each) => each.revision > taken.revision)) {
        const name = takeEntry(taken, entry);
        if (name !== undefined) touched.add(name);
        // Compiling takes a millisecond or several: the requests between them are not held up.
        if (entry.key.startsWith('schema.')) await nextTurn();
      }
      if (entries.length === 0) return;
      for (const name of touched) planEvent(taken, name);
      registry = { ...emptyRegistry, ...taken.header, events: [...taken.planned.values()] };
    },
    registry: () => registry,
    faults: () => [...taken.faults.values()].flat(),
    revision: () => taken.revision,
    revisionOf: (key) => taken.revisions.get(key) ?? 0,
    isFilled: () => taken.header !== undefined,
    canHash: options.canHash,
    hasRoomFor: (name) => taken.states.has(name) || taken.states.size < eventsMax,
    versionsOf: (name) => {
      const state = taken.states.get(name);
      return state === undefined ? [] : versionsInOrder(state);
    },
    fieldsOf: (name) => taken.states.get(name)?.inForce,
    headerFields: () => taken.headerFields,
  };
}

/** The name of the event that has something new; undefined when nothing follows from it. */
function takeEntry(taken: Taken, entry: BucketEntry): string | undefined {
  taken.revision = entry.revision;
  taken.revisions.set(entry.key, entry.revision);
  const problems: Problem[] = [];
  const report: ReportFault = (problem, mending) => void problems.push({ problem, mending });
  const key = readBucketKey(entry.key);
  let name: string | undefined;
  if (key === undefined) report('it is no entry of ours', 'Keep other things in another bucket.');
  else name = takeValue(taken, key, entry, problems);
  setFaults(taken, entry.key, problems);
  return name;
}

function takeValue(
  taken: Taken,
  key: BucketKey,
  entry: BucketEntry,
  problems: Problem[],
): string | undefined {
  const report: ReportFault = (problem, mending) => void problems.push({ problem, mending });
  if (entry.deleted)
    report('it was deleted, and stays in force', 'Write it again, or deprecate it.');
  const value = entry.deleted ? undefined : readBucketJson(key.kind, entry.value, report);
  if (key.kind === 'taxonomy') {
    if (value !== undefined) takeHeader(taken, value, report);
    return undefined;
  }
  const state = stateOf(taken, key.name, report);
  if (state === undefined) return undefined;
  if (key.kind === 'schema') {
    return value === undefined ? undefined : takeVersion(taken, state, key, value, report);
  }
  state.revisions.push({ fields: value ?? {}, problems });
  if (state.revisions.length > schemaRevisionsMax) state.revisions.shift();
  return key.name;
}

function stateOf(taken: Taken, name: string, report: ReportFault): EventState | undefined {
  const { states } = taken;
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

function planEvent(taken: Taken, name: string): void {
  const state = taken.states.get(name)!;
  const found = newestSound(name, state, versionsInOrder(state));
  if (found === undefined) return;
  setFaults(taken, eventKey(name), found.faults);
  if (found.event === undefined) return;
  state.inForce = found.fields;
  taken.planned.set(name, found.event);
}

function setFaults(taken: Taken, key: string, problems: readonly Problem[]): void {
  if (problems.length === 0) taken.faults.delete(key);
  else
    taken.faults.set(
      key,
      problems.map((problem) => ({ file: key, ...problem })),
    );
}

type Problem = Omit<RegistryFault, 'file'>;

function takeHeader(taken: Taken, fields: Fields, report: ReportFault): void {
  let sound = true;
  const header = readHeader(fields, (problem, mending) => {
    sound = false;
    report(problem, mending);
  });
  if (sound) Object.assign(taken, { header, headerFields: fields });
}

function takeVersion(
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

/** Makes a version ready to validate, where it is sound and this gate can do what it asks for. */
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

/** From 1 up to the first that is not there. */
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
  /** Of the newest revision. */
  readonly faults: readonly Problem[];
}

/** Undefined: nothing was written about the event itself yet. */
function newestSound(
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
    // Its name was held against the verbs when it was registered: a verb may be taken away later.
    const entry = readEntry(name, fields, [], report);
    checkActive(entry, versions, report);
    faults ??= problems;
    if (problems.length === 0) return { event: { ...entry, versions }, fields, faults };
  }
  return faults === undefined ? undefined : { event: undefined, fields: undefined, faults };
}
