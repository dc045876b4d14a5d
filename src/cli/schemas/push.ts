import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { Command } from 'commander';

import { SchemaRegistryService } from '../../../gen/headgate/v1/schema_registry_service_pb.ts';
import type { RegisteredEvent } from '../../../gen/headgate/v1/registered_event_pb.ts';
import { StartError } from '../../errors.ts';
import {
  registryChanges,
  type EventChange,
} from '../../validation/compatibility/registry-changes.ts';
import { schemaHash } from '../../validation/schema/schema-identity.ts';
import {
  loadRegistry,
  taxonomyFile,
  type PlannedEvent,
  type SchemaRegistry,
} from '../../validation/schema-registry.ts';
import { parseYaml, type Fields } from '../../validation/taxonomy/taxonomy.ts';
import { connectAdmin, type AdminClient } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { schemasFolder, type SchemasOptions } from '../command-settings.ts';
import { changeLines } from './check.ts';
import { adminOption, adminTokenHelp, configOption, schemasOption } from '../shared-options.ts';

interface PushOptions extends SchemasOptions {
  readonly admin?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

type Client = AdminClient<typeof SchemaRegistryService>;

interface Version {
  readonly event: string;
  readonly version: number;
}

/** `headgate schemas push`: copies a folder of schemas into the registry of running gates. */
export function schemasPushCommand({ env }: CommandContext): Command {
  return new Command('push')
    .description('copy the taxonomy and the schemas of a folder into the registry')
    .addOption(schemasOption())
    .addOption(adminOption())
    .addOption(configOption())
    .option('--dry-run', 'show what would change, let the gate check it, and change nothing')
    .option('--json', 'print JSON for programs')
    .addHelpText(
      'after',
      `
${adminTokenHelp} The gates validate by the registry when
schemas.source is registry.

Exit code: 0 when the registry says what the folder says, 1 when the folder is not sound, or has a change
that its event's \`compatibility\` does not allow: then nothing is pushed. With --dry-run, 1 also says that the
gate would refuse the push.

Example:
  $ headgate schemas push --schemas ./schemas --dry-run`,
    )
    .action(async (options: PushOptions) => {
      const client = connectAdmin(SchemaRegistryService, options, env);
      await push(client, options, schemasFolder(options, env));
    });
}

async function push(client: Client, options: PushOptions, folder: string): Promise<void> {
  const files = await loadRegistry(folder);
  const { events: registered, source } = await client.call((service) => service.listSchemas({}));
  if (source !== 'registry') {
    throw new StartError(
      'This gate validates by its files: set schemas.source to registry there before you push.',
    );
  }
  const known = new Map(registered.map((event) => [event.name, event]));
  // Events that are not in these files stay in the registry, so they are not a change.
  const changes = registryChanges(inForce(files, known), files);
  const missing = files.events.flatMap((event) => versionsBeyond(event, known.get(event.name)));
  const allowed = changes.every((change) => change.allowed);
  const go = allowed && options.dryRun === undefined;
  const send = go ? register : checkAtGate;
  const { changed, kept } = allowed
    ? await send(client, await readRequests(folder, files, missing, new Set(known.keys())))
    : { changed: [], kept: [] };
  if (!allowed) process.exitCode = 1;
  if (options.json === true) {
    console.log(JSON.stringify({ pushed: go, versions: missing, entries: changed, kept, changes }));
    return;
  }
  for (const line of linesOf(changes)) console.log(line);
  if (!allowed) console.log('Nothing was pushed.');
  else if (go) console.log(summary(missing, changed, kept));
  else
    console.log(`${counted(missing.length, 'version')} would be registered. Nothing was pushed.`);
}

/** The files, reduced to the versions in the registry. Versions that differ there are marked. */
function inForce(
  files: SchemaRegistry,
  known: ReadonlyMap<string, RegisteredEvent>,
): SchemaRegistry {
  const events = files.events.flatMap((event) => {
    const registered = known.get(event.name);
    if (registered === undefined) return [];
    const versions = event.versions.flatMap((version) => {
      const kept = registered.versions.find((each) => each.version === version.version);
      if (kept === undefined) return [];
      const same = kept.hash === schemaHash(version.schema);
      return [same ? version : { ...version, schema: { 'registered as': kept.hash } }];
    });
    return [{ ...event, versions }];
  });
  return { ...files, events };
}

function versionsBeyond(event: PlannedEvent, registered: RegisteredEvent | undefined): Version[] {
  const last = registered?.versions.length ?? 0;
  return event.versions
    .filter(({ version }) => version > last)
    .map(({ version }) => ({ event: event.name, version }));
}

interface Pushed {
  readonly changed: readonly string[];
  readonly kept: readonly string[];
}

/** What a push sends. */
type PushRequests = Awaited<ReturnType<typeof readRequests>>;

async function register(client: Client, { taxonomy, requests }: PushRequests): Promise<Pushed> {
  for (const request of requests) await client.call((service) => service.registerSchema(request));
  return client.call((service) => service.pushTaxonomy({ taxonomy }));
}

/** Lets the gate check what `register` would send: it knows more than the files, such as its own settings. */
async function checkAtGate(client: Client, { taxonomy, requests }: PushRequests): Promise<Pushed> {
  const earlier = new Map<string, string[]>();
  for (const request of requests) {
    const { eventName, schemaJson } = request;
    const before = earlier.get(eventName) ?? [];
    await client.call((service) =>
      service.registerSchema({ ...request, validateOnly: true, earlierSchemasJson: before }),
    );
    earlier.set(eventName, [...before, schemaJson]);
  }
  const plannedVersions = Object.fromEntries(
    [...earlier].map(([name, { length }]) => [name, length]),
  );
  return client.call((service) =>
    service.pushTaxonomy({ taxonomy, validateOnly: true, plannedVersions }),
  );
}

async function readRequests(
  directory: string,
  files: SchemaRegistry,
  missing: readonly Version[],
  known: ReadonlySet<string>,
) {
  const taxonomy = await readFile(path.join(directory, taxonomyFile), 'utf8');
  const entries = parseYaml(taxonomy, () => {})!['events'] as Record<string, Fields>;
  const events = new Map(files.events.map((event) => [event.name, event]));
  const requests = missing.map(({ event, version }) => ({
    eventName: event,
    version,
    schemaJson: JSON.stringify(events.get(event)!.versions[version - 1]!.schema),
    // The entry of a new event is sent with the taxonomy, after all its versions.
    entry: known.has(event) ? JSON.stringify(entries[event]) : '',
  }));
  return { taxonomy, requests };
}

function linesOf(changes: readonly EventChange[]): string[] {
  return changes.flatMap(changeLines);
}

function summary(
  missing: readonly Version[],
  changed: readonly string[],
  kept: readonly string[],
): string {
  const entries = changed.length === 1 ? '1 entry' : `${changed.length} entries`;
  const text = `${counted(missing.length, 'version')} registered, ${entries} of the taxonomy changed.`;
  return kept.length === 0
    ? text
    : `${text}\nIn the registry and not in these files: ${kept.join(', ')}. They stay.`;
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
