import { readFileSync } from 'node:fs';

import { readSomeSettings } from '../config/read-some-settings.ts';
import type { SettingValues } from '../config/settings.ts';
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
