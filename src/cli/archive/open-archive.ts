import type { Config, DestinationConfig } from '../../config/config.ts';
import type { Archive } from '../../destinations/archive.ts';
import { destinationTypeOf } from '../../destinations/registry.ts';
import { StartError } from '../../errors.ts';
import type { CommandContext } from '../command-context.ts';
import { readGateConfig } from '../command-settings.ts';

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
  const config = readGateConfig(env, flags.config);
  const readable = config.destinations.filter(
    ({ type }) => destinationTypeOf(type).openArchive !== undefined,
  );
  const wanted = flags.archive;
  const found =
    wanted === undefined && readable.length === 1
      ? readable[0]
      : readable.find(({ name }) => name === wanted);
  if (found === undefined) throw new StartError(`${whichText(wanted)} ${namesText(readable)}`);
  const archive = await destinationTypeOf(found.type).openArchive!(found.name, found.settings);
  return { name: found.name, archive, config };
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
