import { readFileSync } from 'node:fs';

import type { Config, DestinationConfig } from '../../config/config.ts';
import { readConfig } from '../../config/read-config.ts';
import type { Archive } from '../../destinations/archive.ts';
import { destinationTypes } from '../../destinations/registry.ts';
import { StartError } from '../../errors.ts';
import type { CommandContext } from '../command-context.ts';

/** The options that name an archive. */
export interface ArchiveFlags {
  readonly archive?: string;
  readonly config?: string;
}

export interface OpenedArchive {
  readonly name: string;
  readonly archive: Archive;
  readonly config: Config;
}

/** Opens the archive of the configuration. Throws a StartError that names those there are. */
export async function openArchive(
  { env }: CommandContext,
  flags: ArchiveFlags,
): Promise<OpenedArchive> {
  const config = readConfig({
    env,
    configFile: flags.config,
    readFile: (file) => readFileSync(file, 'utf8'),
    destinationTypes,
  });
  const readable = config.destinations.filter(({ type }) => typeOf(type).openArchive !== undefined);
  const wanted = flags.archive;
  const found =
    wanted === undefined && readable.length === 1
      ? readable[0]
      : readable.find(({ name }) => name === wanted);
  if (found === undefined) throw new StartError(`${whichText(wanted)} ${namesText(readable)}`);
  const archive = await typeOf(found.type).openArchive!(found.name, found.settings);
  return { name: found.name, archive, config };
}

/** Throws a StartError. */
export function findDestination(config: Config, name: string): DestinationConfig {
  const found = config.destinations.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = config.destinations.map((one) => one.name).join(', ') || 'it has none';
  throw new StartError(`${name} is not a destination of the configuration: ${names}.`);
}

export function typeOf(type: string): (typeof destinationTypes)[number] {
  return destinationTypes.find((one) => one.type === type)!;
}

function whichText(wanted: string | undefined): string {
  return wanted === undefined
    ? 'Name the archive with --archive.'
    : `${wanted} is not an archive of the configuration.`;
}

function namesText(readable: readonly DestinationConfig[]): string {
  if (readable.length === 0) {
    return 'An archive is a destination of the type s3, gcs or parquet, and none is configured.';
  }
  return `Archives: ${readable.map(({ name }) => name).join(', ')}.`;
}
