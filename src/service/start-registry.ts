import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { Config } from '../config/config.ts';
import { ServiceError, StartError } from '../errors.ts';
import type { Log } from '../jetstream/log.ts';
import { countEventNames } from '../jetstream/read/event-names.ts';
import { lastStoredAtMs } from '../jetstream/read/read.ts';
import { openSchemaBucket } from '../jetstream/bucket/bucket.ts';
import { subjects } from '../jetstream/topology.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Signals } from '../observability/signals.ts';
import { createRegistryContents, type RegistryContents } from '../registry/contents.ts';
import { createRegistryFollower } from '../registry/follow-registry.ts';
import { registerSchema } from '../registry/register-schema.ts';
import { createRegistryEditor, type RegistryEditorOptions } from '../registry/registry-editor.ts';
import type {
  ChangeableRegistry,
  RegistryServiceOptions,
} from '../operators/contracts/registry-service.ts';
import { formatFault } from '../validation/registry-fault.ts';
import {
  loadContracts,
  observedRegistry,
  taxonomyFile,
  type SchemaRegistry,
} from '../validation/schema-registry.ts';

export interface RegistryParts {
  readonly config: Config;
  readonly log: Log;
  readonly signals: Signals;
  readonly lifecycle: Lifecycle;
  /** The contracts by which this process validates. */
  readonly registry: () => SchemaRegistry;
  /** Called with the first contracts of the bucket, and after each change of them. */
  readonly onChange: (registry: SchemaRegistry) => void;
}

/**
 * Follows the contracts if they are kept in the log, and returns what operators need to read and
 * change them. If the contracts are files, operators can only read them.
 */
export async function startRegistry(parts: RegistryParts): Promise<RegistryServiceOptions> {
  const { config, log, registry } = parts;
  const changeable = config.schemasSource === 'registry' ? await openBucket(parts) : undefined;
  return {
    source: config.schemasSource,
    registry,
    changeable,
    readTaxonomy: async () => {
      if (changeable !== undefined) return undefined;
      if (registry() === observedRegistry) return '';
      // It may have been taken away since the start.
      const file = path.join(config.schemasDir, taxonomyFile);
      return readFile(file, 'utf8').catch(() => undefined);
    },
    countEvents: () => countEventNames(log),
    lastEventAtMs: (name) => lastStoredAtMs(log, 'EVENTS', subjects.eventsOf('*', name)),
  };
}

async function openBucket(parts: RegistryParts): Promise<ChangeableRegistry> {
  const { config, log, signals, lifecycle } = parts;
  const bucket = openSchemaBucket(log);
  const contents = createRegistryContents({ canHash: config.pii.hashKey !== undefined });
  const onChange = (registry: SchemaRegistry): void => {
    const names = registry.events.map(({ name }) => name);
    signals.registryChanged(contents.revision(), names);
    parts.onChange(registry);
  };
  const follower = createRegistryFollower({ bucket, contents, signals, onChange });
  const editing: RegistryEditorOptions = { bucket, contents, refresh: follower.refresh };
  const editor = createRegistryEditor(editing);
  const changeable: ChangeableRegistry = {
    ...editor,
    register: (registration) => registerSchema(editing, registration),
    faults: () => contents.faults().map(formatFault),
  };
  await follower.refresh().catch((cause: Error) => {
    throw new StartError(`The schema registry cannot be read: ${cause.message}.`, { cause });
  });
  if (!contents.isFilled()) await fill(config, changeable, contents);
  follower.start();
  lifecycle.onRelease('schema registry', follower.stop);
  return changeable;
}

/**
 * Writes the files into a bucket that is empty or was filled only in part; the header is written
 * last. Several gates may fill it at once; each continues where another was faster.
 */
async function fill(
  config: Config,
  changeable: ChangeableRegistry,
  contents: RegistryContents,
): Promise<void> {
  const { schemasDir } = config;
  const files = await loadContracts(config);
  const text =
    files === observedRegistry
      ? 'events: {}'
      : await readFile(path.join(schemasDir, taxonomyFile), 'utf8');
  for (let attempt = 1; ; attempt += 1) {
    try {
      for (const { name, versions } of files.events) {
        for (const { version, schema } of versions.slice(contents.versionsOf(name).length)) {
          const schemaText = JSON.stringify(schema);
          const no = { entryText: '', activate: false, validateOnly: false };
          await changeable.register({ name, version, schemaText, ...no });
        }
      }
      await changeable.pushTaxonomy(text, false);
      return;
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (error.code === 'registry_conflict' && attempt < fillAttempts) continue;
      throw new StartError(
        `The schema registry cannot be filled from ${schemasDir}: ${error.message}`,
        { cause: error },
      );
    }
  }
}

/** Each conflict with another gate costs one attempt. */
const fillAttempts = 100;
