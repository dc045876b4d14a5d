import { ServiceError } from '../errors.ts';
import type { Bucket, BucketEntry } from '../jetstream/bucket/bucket.ts';
import { isConflict } from '../jetstream/publish/publish-error.ts';
import {
  compatibilityFindings,
  type CompatibilityFinding,
} from '../validation/compatibility/compatibility.ts';
import { formatFault, type RegistryFault, type ReportFault } from '../validation/registry-fault.ts';
import { canonicalJson } from '../validation/schema/schema-identity.ts';
import {
  checkActive,
  taxonomyFile,
  type PlannedEvent,
  type SchemaVersion,
} from '../validation/schema-registry.ts';
import {
  isFields,
  parseYaml,
  readEntry,
  readTaxonomyFields,
  isObserved,
  observedFields,
  type Fields,
  type TaxonomyHeader,
} from '../validation/taxonomy/taxonomy.ts';
import { readBucketJson } from './bucket-json.ts';
import { eventKey, taxonomyKey } from './bucket-keys.ts';
import type { RegistryContents } from './contents.ts';
import type { JsonObject, JsonValue } from '../event/json/json.ts';

/** The changes that a pushed taxonomy makes. */
export interface PushedTaxonomy {
  readonly changed: readonly string[];
  /** Events that the taxonomy does not name; they stay. */
  readonly kept: readonly string[];
}

/**
 * Changes the contracts of every gate. Throws `schema_refused`, `schema_not_found`,
 * `registry_conflict`.
 */
export interface RegistryEditor {
  /**
   * @param planned how many versions of each event would be registered first; only with `validateOnly`.
   */
  pushTaxonomy(
    text: string,
    validateOnly: boolean,
    planned?: ReadonlyMap<string, number>,
  ): Promise<PushedTaxonomy>;
  /**
   * Resolves to the changes for producers that name no version. Throws `registry_conflict` unless
   * `expectedActive` is the active version; 0: any.
   */
  activate(
    name: string,
    version: number,
    expectedActive: number,
  ): Promise<readonly CompatibilityFinding[]>;
  deprecate(name: string, version: number): Promise<void>;
}

export interface RegistryEditorOptions {
  readonly bucket: Bucket;
  readonly contents: RegistryContents;
  /** Reads and applies everything written so far. */
  readonly refresh: () => Promise<void>;
}

export function createRegistryEditor(options: RegistryEditorOptions): RegistryEditor {
  const { contents, refresh } = options;
  const write = createWriter(options);
  return {
    pushTaxonomy: async (text, validateOnly, planned) => {
      await refresh();
      const taxonomy = readPushed(text, contents, planned);
      const changed = [...taxonomy.entries].filter(
        ([name, fields]) =>
          canonicalJson(contents.fieldsOf(name) as JsonValue) !==
          canonicalJson(fields as JsonValue),
      );
      const known = contents.registry().events.map(({ name }) => name);
      const pushed = {
        changed: changed.map(([name]) => name),
        kept: known.filter((name) => !taxonomy.entries.has(name)),
      };
      if (validateOnly) return pushed;
      for (const [name, fields] of changed) await write(eventKey(name), fields);
      // Written last, because it marks the bucket as filled.
      const header = canonicalJson(contents.headerFields() as JsonValue);
      if (!contents.isFilled() || header !== canonicalJson(taxonomy.header as JsonValue)) {
        await write(taxonomyKey, taxonomy.header);
      }
      await refresh();
      return pushed;
    },
    activate: async (name, version, expectedActive) => {
      await refresh();
      const { event, fields } = eventOf(contents, name);
      checkActiveIs(event, expectedActive);
      const wanted = versionOf(event, version);
      const validate = event.superseded.get(version);
      if (validate !== undefined) {
        refuse(
          `Version ${validate} of ${name} validates in place of ${version}: activate ${validate}.`,
        );
      }
      const before = versionOf(event, event.active);
      const deprecated = event.deprecated.filter((each) => each !== version);
      const { deprecated: _listed, ...rest } = fields;
      const more = deprecated.length === 0 ? {} : { deprecated };
      if (event.active !== version || deprecated.length !== event.deprecated.length) {
        await write(eventKey(name), { ...rest, ...more, active: version });
        await refresh();
      }
      return before === wanted ? [] : compatibilityFindings(before, wanted);
    },
    deprecate: async (name, version) => {
      await refresh();
      const { event, fields } = eventOf(contents, name);
      versionOf(event, version);
      if (event.active === version) {
        refuse(`Version ${version} of ${name} is active: activate another one first.`);
      }
      if (event.deprecated.includes(version)) return;
      const deprecated = [...event.deprecated, version].sort((left, right) => left - right);
      await write(eventKey(name), { ...fields, deprecated });
      await refresh();
    },
  };
}

/**
 * Writes an entry only if its revision is still the one that was read. Two that write the same at once, such as two
 * deployments of one contract, both succeed.
 */
export function createWriter({
  bucket,
  contents,
}: Pick<RegistryEditorOptions, 'bucket' | 'contents'>) {
  /** Undefined if it is not a JSON object, which another program wrote. */
  const writtenSince = async (key: string, revision: number): Promise<JsonObject | undefined> => {
    let written: BucketEntry | undefined;
    for await (const entry of bucket.readAfter(revision)) if (entry.key === key) written = entry;
    if (written === undefined || written.deleted) return undefined;
    return readBucketJson('schema', written.value, () => {});
  };
  return async (key: string, value: Fields): Promise<void> => {
    const revision = contents.revisionOf(key);
    try {
      await bucket.put(key, JSON.stringify(value), revision);
    } catch (error) {
      if (!isConflict(error)) throw error;
      const written = await writtenSince(key, revision);
      if (canonicalJson(written) === canonicalJson(value as JsonValue)) return;
      throw new ServiceError('registry_conflict', `Another writer has changed ${key} meanwhile.`);
    }
  };
}

export function refuse(message: string): never {
  throw new ServiceError('schema_refused', message);
}

/** Refuses with all faults in one message. */
export function refuseFaults(faults: readonly RegistryFault[]): void {
  if (faults.length > 0) refuse(faults.map(formatFault).join('\n'));
}

export function eventOf(
  contents: RegistryContents,
  name: string,
): { readonly event: PlannedEvent; readonly fields: Fields } {
  const event = contents.registry().events.find((each) => each.name === name);
  const fields = contents.fieldsOf(name);
  if (event !== undefined && fields !== undefined) return { event, fields };
  throw new ServiceError('schema_not_found', `There is no event ${name}.`);
}

export function versionOf(event: PlannedEvent, version: number): SchemaVersion {
  const found = event.versions.find((each) => each.version === version);
  if (found !== undefined) return found;
  const known = event.versions.map((each) => each.version).join(', ');
  throw new ServiceError('schema_not_found', `${event.name} has the versions ${known}.`);
}

function checkActiveIs({ name, active }: PlannedEvent, expected: number): void {
  if (expected === 0 || expected === active) return;
  throw new ServiceError(
    'registry_conflict',
    `Version ${active} of ${name} is active, and not ${expected}: it was changed meanwhile.`,
  );
}

/** The header and the entries of a taxonomy whose schemas are all registered. */
function readPushed(
  text: string,
  contents: RegistryContents,
  planned: ReadonlyMap<string, number> = new Map(),
): { readonly header: Fields; readonly entries: ReadonlyMap<string, Fields> } {
  const faults: RegistryFault[] = [];
  const report: ReportFault = (problem, mending) =>
    void faults.push({ file: taxonomyFile, problem, mending });
  const root = parseYaml(text, report);
  if (root === undefined) refuseFaults(faults);
  if (isObserved(root!)) {
    if (contents.registry().events.length > 0) {
      refuse('events names no event, and the registry has some: they would not be enforced.');
    }
    readTaxonomyFields(root!, report);
    refuseFaults(faults);
    return { header: observedFields(root!), entries: new Map() };
  }
  const { entries } = readTaxonomyFields(root!, report);
  for (const entry of entries) {
    const more = Array.from({ length: planned.get(entry.name) ?? 0 }, () => undefined);
    checkActive(entry, [...contents.versionsOf(entry.name), ...more], report);
  }
  refuseFaults(faults);
  const { events, ...header } = root!;
  const fields = Object.entries(events as Record<string, Fields>);
  return { header, entries: new Map(fields) };
}

/** Reads an entry that was sent on its own, as YAML or JSON. */
export function readEntryText(
  name: string,
  text: string,
  rules: Pick<TaxonomyHeader, 'naming' | 'verbs'>,
) {
  const faults: RegistryFault[] = [];
  const report: ReportFault = (problem, mending) =>
    void faults.push({ file: eventKey(name), problem, mending });
  const root = parseYaml(text, report);
  if (root === undefined || !isFields(root)) refuseFaults(faults);
  const fields: Fields = { active: 1, ...root };
  const entry = readEntry(name, fields, rules, report);
  refuseFaults(faults);
  return { entry, fields };
}
