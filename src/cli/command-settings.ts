import { readFileSync } from 'node:fs';

import type { Config, DestinationConfig } from '../config/config.ts';
import { readConfig } from '../config/read-config.ts';
import { readSomeSettings } from '../config/read-some-settings.ts';
import type { SettingValues } from '../config/settings.ts';
import { destinationTypes } from '../destinations/registry.ts';
import { StartError } from '../errors.ts';
import type { CommandContext } from './command-context.ts';

/** The settings that a command without a gate needs, as the gate reads them. Throws a StartError. */
export function commandSettings<Path extends keyof SettingValues>(
  config: string | undefined,
  env: CommandContext['env'],
  paths: readonly Path[],
): Pick<SettingValues, Path> {
  const readFile = (file: string): string => readFileSync(file, 'utf8');
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

/** The whole configuration of the gate, for commands that open what it opens. Throws a StartError. */
export function readGateConfig(env: CommandContext['env'], configFile: string | undefined): Config {
  const readFile = (file: string): string => readFileSync(file, 'utf8');
  return readConfig({ env, configFile, readFile, destinationTypes });
}

/** Throws a StartError that names the destinations there are. */
export function findDestination(
  { destinations }: Pick<Config, 'destinations'>,
  wanted: string,
): DestinationConfig {
  const found = destinations.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const names = destinations.map(({ name }) => name).join(', ') || 'it has none';
  throw new StartError(`${wanted} is not a destination of the configuration: ${names}.`);
}
