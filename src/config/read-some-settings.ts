import { StartError } from '../errors.ts';
import { buildDestinations } from './build/build-destinations.ts';
import { describeFaults } from './build/build.ts';
import { readTable } from './build/table-values.ts';
import type { Config, DestinationConfig } from './config.ts';
import type { RawDestination } from './gather/gather-destinations.ts';
import { gather, type ConfigSources, type RawConfig } from './gather/gather.ts';
import { environmentName, settings, type SettingValues } from './settings.ts';

/**
 * Reads only these settings of the configuration: a person's shell need not have the secrets of the
 * destinations. Throws a StartError that lists the problems of these settings, and of a file that cannot be
 * read.
 */
export function readSomeSettings<Path extends keyof SettingValues>(
  sources: Omit<ConfigSources, 'destinationTypes'>,
  paths: readonly Path[],
): Pick<SettingValues, Path> {
  return settingsIn(gather({ ...sources, destinationTypes: [] }), paths);
}

function settingsIn<Path extends keyof SettingValues>(
  raw: RawConfig,
  paths: readonly Path[],
): Pick<SettingValues, Path> {
  const table = Object.fromEntries(paths.map((path) => [path, settings[path]]));
  const places = paths.flatMap((path) => raw.values.get(path)?.from ?? []);
  const faults = raw.faults.filter((fault) => raw.fileBroken || isAt(fault, places));
  const { values } = readTable(table, raw.values, (path) => `default: ${path}`, faults);
  if (faults.length > 0) throw new StartError(describeFaults(faults));
  return Object.fromEntries(values) as Pick<SettingValues, Path>;
}

/** The folder of contracts, and whether the configuration names it. Throws as `readSomeSettings` does. */
export function readSchemasDir(
  sources: Omit<ConfigSources, 'destinationTypes'>,
): Pick<Config, 'schemasDir' | 'schemasDirNamed'> {
  const raw = gather({ ...sources, destinationTypes: [] });
  const { schemas_dir: schemasDir } = settingsIn(raw, ['schemas_dir']);
  return { schemasDir, schemasDirNamed: raw.values.has('schemas_dir') };
}

export interface SomeDestinations {
  readonly destinations: readonly DestinationConfig[];
  /** Of all destinations of the configuration. */
  readonly names: readonly string[];
}

/** Which destinations a command uses: one, or all of some types. */
export type WantedDestinations = { readonly name: string } | { readonly types: readonly string[] };

/**
 * Reads only some destinations of the configuration, and nothing else: the secrets of the others, and of the
 * gate, need not be there. Throws a StartError that lists the problems of these destinations, and of a file that
 * cannot be read.
 */
export function readSomeDestinations(
  sources: ConfigSources,
  wanted: WantedDestinations,
): SomeDestinations {
  const raw = gather(sources);
  const chosen = raw.destinations.filter(({ name, type }) =>
    'name' in wanted ? name === wanted.name : wanted.types.includes(type),
  );
  // Of a destination whose type is not known, it is not clear whether it is wanted.
  const unsure = 'name' in wanted ? sectionFault : typeFault;
  const places = chosen.flatMap(placesOf);
  const faults = raw.faults.filter(
    (fault) => raw.fileBroken || unsure.test(fault) || isAt(fault, places),
  );
  const isDefault = chosen.some((one) => one.isDefault);
  const dataDir = isDefault ? settingsIn(raw, ['data_dir']).data_dir : '';
  const destinations = buildDestinations(chosen, dataDir, faults);
  if (faults.length > 0) throw new StartError(describeFaults(faults));
  return { destinations, names: raw.destinations.map(({ name }) => name) };
}

/** `headgate.yaml: destinations: is not a map`. */
const sectionFault = /^[^:]*: destinations:/;
/** The same, and `headgate.yaml: destinations.crm: ...` or `destinations.crm.type: ...`. */
const typeFault = /^[^:]*: destinations(\.[^.:]+(\.type)?)?:/;

/** Where values of a destination are, and where others would be. */
function placesOf({ name, from, values }: RawDestination): string[] {
  const variables = `${environmentName(`destinations.${name}`)}_`;
  return [from, variables, ...[...values.values()].map((value) => value.from)];
}

/** Whether a fault is of a value at one of these places, or below it. */
function isAt(fault: string, places: readonly string[]): boolean {
  return places.some(
    (place) =>
      fault.startsWith(place) && (place.endsWith('_') || /^[:.]/.test(fault.slice(place.length))),
  );
}
