import { lstat, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { compileSchema, type CompiledSchema } from './schema/compile-schema.ts';
import { registryError, type RegistryFault, type ReportFault } from './registry-fault.ts';
import { checkChoices } from './schema/choices.ts';
import { checkSchemaSafety, schemaBytesMax } from './schema/schema-safety.ts';
import { fileNameOfName } from '../event/name/name-token.ts';
import {
  noHeader,
  observedHeader,
  readTaxonomy,
  type TaxonomyEntry,
  type TaxonomyHeader,
} from './taxonomy/taxonomy.ts';
import type { JsonObject, JsonValue } from '../event/json/json.ts';

/** One released schema of an event. */
export interface SchemaVersion extends CompiledSchema {
  readonly version: number;
  readonly schema: JsonObject;
}

/** An event of the taxonomy, with every version of its schema. */
export interface PlannedEvent extends TaxonomyEntry {
  /** In order, from 1, without gaps. Empty where `active` is 0. */
  readonly versions: readonly SchemaVersion[];
}

/** The contracts of all events. */
export interface SchemaRegistry extends TaxonomyHeader {
  readonly events: readonly PlannedEvent[];
}

/** Whether these properties keep the active version of an event. False for an event without a schema. */
export function keepsContract(
  { events }: SchemaRegistry,
  eventName: string,
  properties: JsonObject,
): boolean {
  const planned = events.find(({ name }) => name === eventName);
  const active = planned?.versions.find(({ version }) => version === planned.active);
  return active !== undefined && active.findingsIn(properties) === undefined;
}

/** The readable part of a registry, and every fault in it. */
export interface RegistryReading {
  readonly registry: SchemaRegistry;
  readonly faults: readonly RegistryFault[];
}

export const emptyRegistry: SchemaRegistry = { ...noHeader, events: [] };

export const taxonomyFile = 'taxonomy.yaml';
const versionFile = /^([1-9]\d{0,3})\.json$/;

/** The contracts of observe mode: none, and events of any name are stored. */
export const observedRegistry: SchemaRegistry = { ...observedHeader, events: [] };

/**
 * Reads the schemas folder of a configuration. Only where no setting names one and the default one does
 * not exist, observe mode begins: a folder that was named and is missing is a mount that failed, which
 * must not let every event in. Throws a StartError that lists every fault.
 */
export async function loadContracts({
  schemasDir,
  schemasDirNamed,
}: {
  readonly schemasDir: string;
  readonly schemasDirNamed: boolean;
}): Promise<SchemaRegistry> {
  if (!schemasDirNamed && (await isAbsent(schemasDir))) return observedRegistry;
  return loadRegistry(schemasDir);
}

/** Not: unreadable, a file, or a link that leads nowhere. */
async function isAbsent(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

/** Reads the schemas folder; throws a StartError that lists every fault in it. */
export async function loadRegistry(directory: string): Promise<SchemaRegistry> {
  const { registry, faults } = await readRegistry(directory);
  if (faults.length > 0) throw registryError(directory, faults);
  return registry;
}

/** Reads the schemas folder, and returns its faults instead of throwing them. */
export async function readRegistry(directory: string): Promise<RegistryReading> {
  const faults: RegistryFault[] = [];
  const reportOn =
    (file: string): ReportFault =>
    (problem, fix) =>
      void faults.push({ file, problem, mending: fix });
  const text = await readTaxonomyFile(directory, reportOn(taxonomyFile));
  if (text === undefined) {
    return { registry: emptyRegistry, faults };
  }
  const { entries, ...header } = readTaxonomy(text, reportOn(taxonomyFile));
  const folders = await schemaFolders(directory);
  const events: PlannedEvent[] = [];
  for (const entry of entries) {
    // Only names of existing folders are read: an invalid name could point outside the folder.
    const folder = fileNameOfName(entry.name);
    const exists = folders.delete(folder);
    const versions = exists ? await readVersions(directory, folder, reportOn) : [];
    checkActive(entry, versions, reportOn(taxonomyFile));
    events.push({ ...entry, versions: versions.filter((version) => version !== undefined) });
  }
  // Also without an entry: contracts that lost theirs must not open the gate in observe mode.
  if (entries.length > 0 || faults.length === 0) {
    for (const name of folders) {
      reportOn(`${name}/`)(
        'no entry of the taxonomy has this name',
        'Add one under events:, or delete the folder.',
      );
    }
  }
  return { registry: { ...header, events }, faults };
}

async function readTaxonomyFile(
  directory: string,
  report: ReportFault,
): Promise<string | undefined> {
  try {
    return await readFile(join(directory, taxonomyFile), 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    report(
      missing ? `there is no such file in ${directory}` : `it cannot be read: ${reasonOf(error)}`,
      missing
        ? 'Write one, or set HEADGATE_SCHEMAS_DIR to the folder that has it.'
        : 'Make the file readable.',
    );
    return undefined;
  }
}

async function schemaFolders(directory: string): Promise<Set<string>> {
  const folders = new Set<string>();
  for (const name of await visibleNames(directory)) {
    if ((await stat(join(directory, name))).isDirectory()) folders.add(name);
  }
  return folders;
}

/** A version that cannot be read is undefined in the list, so that it still counts as present. */
async function readVersions(
  directory: string,
  name: string,
  reportOn: (file: string) => ReportFault,
): Promise<(SchemaVersion | undefined)[]> {
  const found = new Set<number>();
  for (const file of await visibleNames(join(directory, name))) {
    const number = versionFile.exec(file)?.[1];
    if (number !== undefined) {
      found.add(Number(number));
      continue;
    }
    reportOn(`${name}/${file}`)('its name is not a version number', 'Name it 1.json, 2.json, ....');
  }
  const versions: (SchemaVersion | undefined)[] = [];
  const last = Math.max(0, ...found);
  for (let version = 1; version <= last; version++) {
    const file = `${name}/${version}.json`;
    if (found.has(version)) {
      versions.push(await readVersion(directory, file, version, reportOn(file)));
    } else if (found.has(version + 1)) {
      // One fault for each gap, however wide.
      reportOn(file)('this version is missing', 'Versions go up by one: restore it or renumber.');
    }
  }
  return versions;
}

async function readVersion(
  directory: string,
  file: string,
  version: number,
  report: ReportFault,
): Promise<SchemaVersion | undefined> {
  const schema = await readSchemaFile(join(directory, file), report);
  const compiled = schema === undefined ? undefined : compileVersion(version, schema, report);
  return compiled !== undefined && checkChoices(compiled.schema, report) ? compiled : undefined;
}

/** Compiles one version. Reports an invalid schema, and returns undefined. */
export function compileVersion(
  version: number,
  schema: JsonValue,
  report: ReportFault,
): SchemaVersion | undefined {
  if (!checkSchemaSafety(schema, report)) return undefined;
  try {
    const object = schema as JsonObject;
    return { version, schema: object, ...compileSchema(object) };
  } catch (error) {
    report(`it is not a valid JSON Schema: ${reasonOf(error)}`, 'Fix the keyword it names.');
    return undefined;
  }
}

async function readSchemaFile(path: string, report: ReportFault): Promise<JsonValue | undefined> {
  try {
    const { size } = await stat(path);
    if (size > schemaBytesMax) {
      report(`it has ${size} bytes, more than ${schemaBytesMax}`, 'Split the event.');
      return undefined;
    }
    // Editors of Windows begin a file with U+FEFF.
    const text = await readFile(path, 'utf8');
    return JSON.parse(text.replace(/^\ufeff/, '')) as JsonValue;
  } catch (error) {
    report(`it cannot be read as JSON: ${reasonOf(error)}`, 'Fix it there.');
    return undefined;
  }
}

/** Reports the versions that an entry names but that do not exist. */
export function checkActive(
  entry: TaxonomyEntry,
  versions: readonly (SchemaVersion | undefined)[],
  report: ReportFault,
): void {
  const folder = fileNameOfName(entry.name);
  if (versions.length === 0) {
    if (entry.mode === 'off' && entry.active === 0) return;
    const orOff = entry.mode === 'off' ? ', or take active out' : ', or write mode: off';
    report(`events.${entry.name} has no schema`, `Write ${folder}/1.json${orOff}.`);
  } else if (entry.mode === 'off' && entry.active === 0) {
    report(
      `events.${entry.name}.active is missing`,
      'Write the number of the schema file that validates by default.',
    );
  } else if (entry.active > versions.length) {
    report(
      `events.${entry.name}.active is ${entry.active}, beyond the last, ${versions.length}.json`,
      `Write ${folder}/${entry.active}.json, or lower it.`,
    );
  }
  for (const version of [...new Set(entry.superseded.values()), ...entry.deprecated]) {
    if (version <= versions.length || versions.length === 0) continue;
    report(
      `events.${entry.name} names version ${version}, beyond the last, ${versions.length}.json`,
      `Write ${folder}/${version}.json, or leave it out.`,
    );
  }
}

/** Skips hidden names: Kubernetes mounts a ConfigMap through `..data`. */
async function visibleNames(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names.filter((name) => !name.startsWith('.')).sort();
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s+/g, ' ').replace(/\.+$/, '');
}
