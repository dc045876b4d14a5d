import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';

import { SchemaRegistryService } from '../../../gen/headgate/v1/schema_registry_service_pb.ts';
import { html } from '../../catalog/html.ts';
import { markdown } from '../../catalog/markdown.ts';
import { catalogFiles } from '../../catalog/page.ts';
import {
  readCatalog,
  type CatalogContract,
  type CatalogSurroundings,
} from '../../catalog/read-catalog.ts';
import { StartError } from '../../errors.ts';
import type { JsonObject } from '../../event/json/json.ts';
import { compileSchema } from '../../validation/schema/compile-schema.ts';
import { modeText } from '../../validation/modes.ts';
import { loadRegistry, type SchemaVersion } from '../../validation/schema-registry.ts';
import { connectAdmin, type AdminClient, type AdminOptions } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { readGateConfig, schemasFolder, type SchemasOptions } from '../command-settings.ts';
import { schemasOption } from '../shared-options.ts';
import { registeredStates } from './registered-states.ts';

const formats = { html, markdown };

interface DocsOptions extends SchemasOptions {
  readonly fromGate?: true;
  readonly out: string;
  readonly format: keyof typeof formats | 'dbt';
  readonly admin?: string;
}

/** `headgate schemas docs`: writes a catalog of every event for people. */
export function schemasDocsCommand(context: CommandContext): Command {
  return new Command('docs')
    .description('write a page for each event: its meaning, properties and destinations')
    .addOption(schemasOption())
    .option('--from-gate', 'the contracts that a running gate uses, instead of a folder')
    .option('--out <dir>', 'the folder to write into', './schema-docs')
    .addOption(
      new Option('--format <format>', 'of the pages; dbt: sources of dbt, for tables of events')
        .choices([...Object.keys(formats), 'dbt'])
        .default('html'),
    )
    .option('--config <file>', 'headgate.yaml with the destinations (default: as for serve)')
    .option(
      '--admin <url>',
      'the admin port, for when each was last stored (default: admin.listen)',
    )
    .addHelpText(
      'after',
      `
What cannot be read (the configuration, a running gate) is noted on the pages, and stops nothing. Pages of
events that are gone stay: empty the folder first.

Exit code: 0 when it is written, 1 when the schemas are not sound or it cannot be written.

Examples:
  $ headgate schemas docs --out site --format html
  $ headgate schemas docs --out models/headgate --format dbt`,
    )
    .action((options: DocsOptions) => write(context, options));
}

async function write({ env }: CommandContext, options: DocsOptions): Promise<void> {
  const contracts = options.fromGate
    ? await contractsOfGate(connectAdmin(SchemaRegistryService, options, env))
    : await contractsOfFolder(schemasFolder(options, env));
  if (options.format === 'dbt') {
    const { dbtFile, dbtSources } = await import('./dbt.ts');
    const text = await dbtSources(contracts, options.config, env);
    await writeFiles(options.out, [{ path: dbtFile, text }]);
    console.log(`sources of dbt in ${path.join(options.out, dbtFile)}`);
    return;
  }
  const catalog = readCatalog(contracts, {
    destinations: destinationsOf(options.config, env),
    lastEvents: await lastEventsOf(options, env),
  });
  const files = catalogFiles(catalog, formats[options.format]);
  await writeFiles(options.out, files);
  const pages = contracts.length === 1 ? '1 event' : `${contracts.length} events`;
  console.log(`${pages} in ${path.join(options.out, files[0]!.path)}`);
}

async function writeFiles(
  folder: string,
  files: readonly { readonly path: string; readonly text: string }[],
): Promise<void> {
  for (const { path: name, text } of files) {
    const file = path.join(folder, name);
    try {
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, text);
    } catch (cause) {
      throw new StartError(`${file} cannot be written: ${(cause as Error).message}.`, { cause });
    }
  }
}

async function contractsOfFolder(directory: string): Promise<CatalogContract[]> {
  const { events } = await loadRegistry(directory);
  return events.map((event) => ({ ...event, mode: modeText(event.mode) }));
}

async function contractsOfGate(
  client: AdminClient<typeof SchemaRegistryService>,
): Promise<CatalogContract[]> {
  const { events } = await client.call((service) => service.listSchemas({}));
  const contracts: CatalogContract[] = [];
  for (const event of events) {
    const { name, owner, description, mode, compatibility, versions } = event;
    const compiled: SchemaVersion[] = [];
    for (const { version } of versions) {
      const { schemaJson } = await client.call((service) =>
        service.getSchema({ eventName: name, version }),
      );
      const schema = JSON.parse(schemaJson) as JsonObject;
      compiled.push({ version, schema, ...compileSchema(schema) });
    }
    const entry = { name, owner, description, mode, compatibility, ...registeredStates(event) };
    contracts.push({ ...entry, versions: compiled });
  }
  return contracts;
}

function destinationsOf(
  configFile: string | undefined,
  env: CommandContext['env'],
): CatalogSurroundings['destinations'] {
  try {
    return readGateConfig(env, configFile).destinations;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    console.error(`Where events go is not on the pages. ${error.message}`);
    return 'the configuration of the gate could not be read when this was written.';
  }
}

async function lastEventsOf(
  options: AdminOptions,
  env: CommandContext['env'],
): Promise<CatalogSurroundings['lastEvents']> {
  try {
    const { events } = await connectAdmin(SchemaRegistryService, options, env).call((service) =>
      service.listSchemas({ withLastEvents: true }),
    );
    return new Map(
      events.flatMap(({ name, lastEventAt }) =>
        lastEventAt === undefined ? [] : [[name, timestampDate(lastEventAt)] as const],
      ),
    );
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    console.error(`When events were last stored is not on the pages. ${error.message}`);
    return 'no running gate could be asked when this was written.';
  }
}
