import { readFileSync } from 'node:fs';

import type { Config, DestinationConfig } from '../config/config.ts';
import { readConfig } from '../config/read-config.ts';
import {
  readSchemasDir,
  readSomeDestinations,
  readSomeSettings,
  type SomeDestinations,
  type WantedDestinations,
} from '../config/read-some-settings.ts';
import type { SettingValues } from '../config/settings.ts';
import { destinationTypes } from '../destinations/registry.ts';
import { StartError } from '../errors.ts';
import type { CommandContext } from './command-context.ts';

const readFile = (file: string): string => readFileSync(file, 'utf8');

/** The settings that a command without a gate needs, as the gate reads them. Throws a StartError. */
export function commandSettings<Path extends keyof SettingValues>(
  config: string | undefined,
  env: CommandContext['env'],
  paths: readonly Path[],
): Pick<SettingValues, Path> {
  return readSomeSettings({ env, configFile: config, readFile }, paths);
}

/** The options of every command that reads a folder of schemas: `schemasOption` and `configOption`. */
export interface SchemasOptions {
  /** `--schemas`. */
  readonly schemas?: string | undefined;
  /** `--config`. */
  readonly config?: string | undefined;
}

/** The folder of `--schemas`, or of `schemas_dir`. */
export function schemasFolder(
  { schemas, config }: SchemasOptions,
  env: CommandContext['env'],
): string {
  return schemas ?? commandSettings(config, env, ['schemas_dir']).schemas_dir;
}

/** The same for commands that also work without contracts, as the gate does. Throws a StartError. */
export function commandContracts(
  { schemas, config: configFile }: SchemasOptions,
  env: CommandContext['env'],
): Pick<Config, 'schemasDir' | 'schemasDirNamed'> {
  if (schemas !== undefined) return { schemasDir: schemas, schemasDirNamed: true };
  return readSchemasDir({ env, configFile, readFile });
}

/** The whole configuration of the gate, for commands that open what it opens. Throws a StartError. */
export function readGateConfig(env: CommandContext['env'], configFile: string | undefined): Config {
  return readConfig({ env, configFile, readFile, destinationTypes });
}

/** Some destinations of the configuration, for commands that need nothing else of it. Throws a StartError. */
export function commandDestinations(
  configFile: string | undefined,
  env: CommandContext['env'],
  wanted: WantedDestinations,
): SomeDestinations {
  return readSomeDestinations({ env, configFile, readFile, destinationTypes }, wanted);
}

/** `names`: of all destinations that there are, where these are only some of them. */
type FoundDestinations = Pick<Config, 'destinations'> & Partial<SomeDestinations>;

/** Throws a StartError that names the destinations there are. */
export function findDestination(
  { destinations, names = destinations.map(({ name }) => name) }: FoundDestinations,
  wanted: string,
): DestinationConfig {
  const found = destinations.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  throw new StartError(
    `${wanted} is not a destination of the configuration: ${names.join(', ') || 'it has none'}.`,
  );
}
