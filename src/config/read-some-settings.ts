import { StartError } from '../errors.ts';
import { describeFaults } from './build/build.ts';
import { readTable } from './build/table-values.ts';
import { gather, type ConfigSources } from './gather/gather.ts';
import { settings, type SettingValues } from './settings.ts';

/**
 * Reads only these settings of the configuration: a person's shell need not have the secrets of the
 * destinations. Throws a StartError that lists the problems of these settings, and of a file that cannot be
 * read.
 */
export function readSomeSettings<Path extends keyof SettingValues>(
  sources: Omit<ConfigSources, 'destinationTypes'>,
  paths: readonly Path[],
): Pick<SettingValues, Path> {
  const table = Object.fromEntries(paths.map((path) => [path, settings[path]]));
  const raw = gather({ ...sources, destinationTypes: [] });
  const places = paths.flatMap((path) => raw.values.get(path)?.from ?? []);
  const faults = raw.faults.filter(
    (fault) => raw.fileBroken || places.some((place) => fault.startsWith(`${place}:`)),
  );
  const { values } = readTable(table, raw.values, (path) => `default: ${path}`, faults);
  if (faults.length > 0) throw new StartError(describeFaults(faults));
  return Object.fromEntries(values) as Pick<SettingValues, Path>;
}
