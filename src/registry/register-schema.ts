import { setImmediate } from 'node:timers/promises';

import type { JsonObject } from '../event/json/json.ts';
import type { CompatibilityFinding } from '../validation/compatibility/compatibility.ts';
import { anyEntryName, checkEntryName, type Naming } from '../validation/taxonomy/naming.ts';
import { versionChange } from '../validation/compatibility/registry-changes.ts';
import type { RegistryFault } from '../validation/registry-fault.ts';
import { schemaHash } from '../validation/schema/schema-identity.ts';
import { checkActive, type SchemaVersion } from '../validation/schema-registry.ts';
import { eventsMax, type Fields } from '../validation/taxonomy/taxonomy.ts';
import { readBucketJson } from './bucket-json.ts';
import { eventKey, schemaKey } from './bucket-keys.ts';
import { compileUsable } from './contents.ts';
import {
  createWriter,
  readEntryText,
  refuse,
  refuseFaults,
  type RegistryEditorOptions,
} from './registry-editor.ts';

/** A version to register. */
export interface Registration {
  readonly name: string;
  /** 0 means the next version. */
  readonly version: number;
  readonly schemaText: string;
  /** The event's entry; empty to keep the current entry. */
  readonly entryText: string;
  readonly activate: boolean;
  readonly validateOnly: boolean;
  /** Only with `validateOnly`: the versions after the last one in the registry and before this one. */
  readonly earlierTexts?: readonly string[];
}

export interface Registered {
  readonly version: SchemaVersion;
  readonly created: boolean;
  readonly findings: readonly CompatibilityFinding[];
}

const versionMax = 9999;

/**
 * Registers a version permanently. Throws `schema_refused`, and `registry_conflict` if another
 * writer was faster.
 */
export async function registerSchema(
  options: RegistryEditorOptions,
  wanted: Registration,
): Promise<Registered> {
  const { contents, refresh } = options;
  const { name } = wanted;
  await refresh();
  // While the bucket is filled, its header is still to come.
  checkName(name, contents.isFilled() ? contents.registry().naming : 'any');
  if (!contents.hasRoomFor(name)) refuse(`There are ${eventsMax} events already: use fewer.`);
  const known = await withEarlier(contents, wanted);
  const registered = versionToKeep(wanted, known, contents.canHash);
  const { version, created } = registered;
  const versions = created ? [...known, version] : known;
  const findings = created ? validate(options, wanted, versions, version.version) : [];
  const entry = entryToWrite(options, wanted, versions, version.version);
  if (wanted.validateOnly) return { ...registered, findings };
  const write = createWriter(options);
  if (created) await write(schemaKey(name, version.version), version.schema);
  if (entry !== undefined) await write(eventKey(name), entry);
  await refresh();
  return { ...registered, findings };
}

/**
 * The versions in the registry, and those that would be registered before the wanted one. Each of these takes
 * milliseconds to compile, and the gate answers producers in between.
 */
async function withEarlier(
  contents: RegistryEditorOptions['contents'],
  { name, earlierTexts = [], ...wanted }: Registration,
): Promise<readonly SchemaVersion[]> {
  const known = [...contents.versionsOf(name)];
  for (const schemaText of earlierTexts) {
    const earlier = { ...wanted, name, version: 0, schemaText };
    known.push(versionToKeep(earlier, known, contents.canHash).version);
    await setImmediate();
  }
  return known;
}

/** Its verb is checked with its entry. */
function checkName(name: string, naming: Naming): void {
  const problems: string[] = [];
  checkEntryName(name, naming, [], (problem) => void problems.push(problem));
  if (problems.length === 0) return;
  refuse(
    naming === 'any'
      ? `${problems.join('; ')}.`
      : `${name} is not an event name: write one such as order_completed.`,
  );
}

function versionToKeep(
  { name, version: number, schemaText }: Registration,
  known: readonly SchemaVersion[],
  canHash: boolean,
): { readonly version: SchemaVersion; readonly created: boolean } {
  const next = known.length + 1;
  const version = number === 0 ? next : number;
  const file = schemaKey(name, version);
  const faults: RegistryFault[] = [];
  const report = (problem: string, mending: string): void =>
    void faults.push({ file, problem, mending });
  const schema = readBucketJson('schema', schemaText, report);
  refuseFaults(faults);
  const released = known[version - 1];
  if (released !== undefined) {
    if (schemaHash(released.schema) === schemaHash(schema!)) {
      return { version: released, created: false };
    }
    refuse(
      `${name} has a version ${version} with another schema, and a released version never changes. ` +
        `Register it as version ${next}.`,
    );
  }
  if (version > next || version > versionMax) {
    refuse(`Versions go up by one: the next of ${name} is ${next}.`);
  }
  const compiled = compileUsable(version, schema as JsonObject, canHash, report);
  refuseFaults(faults);
  return { version: compiled!, created: true };
}

/** Finds what the version would break, by the rules of the sent entry, else of the current one. */
function validate(
  { contents }: RegistryEditorOptions,
  { name, entryText }: Registration,
  versions: readonly SchemaVersion[],
  version: number,
): readonly CompatibilityFinding[] {
  const { events } = contents.registry();
  const event = events.find((each) => each.name === name);
  // An event without an entry has no senders yet.
  if (event === undefined) return [];
  const rules = entryText === '' ? event : readEntryText(name, entryText, anyEntryName).entry;
  const { compatibility, superseded } = rules;
  const change = versionChange({ ...event, compatibility, superseded, versions }, version);
  if (change.allowed) return change.findings;
  const messages = change.findings.map((finding) => `  ${finding.message}`);
  return refuse([`${name}: ${change.message}:`, ...messages].join('\n'));
}

/** The entry to write; undefined to keep the current one. */
function entryToWrite(
  { contents }: RegistryEditorOptions,
  { name, entryText, activate }: Registration,
  versions: readonly SchemaVersion[],
  version: number,
): Fields | undefined {
  const current = contents.fieldsOf(name);
  if (current !== undefined) {
    if (!activate || current['active'] === version) return undefined;
    return checked(name, { ...current, active: version }, versions);
  }
  if (entryText === '') {
    if (activate)
      refuse(`${name} has no entry yet, so no version can be active: send an entry with it.`);
    return undefined;
  }
  const { fields } = readEntryText(
    name,
    entryText,
    contents.isFilled() ? contents.registry() : anyEntryName,
  );
  return checked(name, { ...fields, active: version }, versions);
}

function checked(name: string, fields: Fields, versions: readonly SchemaVersion[]): Fields {
  const { entry } = readEntryText(name, JSON.stringify(fields), anyEntryName);
  const faults: RegistryFault[] = [];
  checkActive(
    entry,
    versions,
    (problem, mending) => void faults.push({ file: eventKey(name), problem, mending }),
  );
  refuseFaults(faults);
  return fields;
}
