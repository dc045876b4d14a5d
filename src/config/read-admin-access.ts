import { StartError } from '../errors.ts';
import { describeFaults } from './build/build.ts';
import { readTable } from './build/table-values.ts';
import { gather, type ConfigSources } from './gather/gather.ts';
import type { Address } from './config.ts';
import type { Secret } from './secret.ts';
import { settings } from './settings.ts';

/** What a command needs to call the admin port. */
export interface AdminAccess {
  readonly listen: Address;
  readonly token: Secret | undefined;
  readonly dataDir: string;
}

const { data_dir, 'admin.listen': listen, 'admin.token': token } = settings;
const table = { data_dir, 'admin.listen': listen, 'admin.token': token };

/**
 * Reads only these settings of the configuration: an operator's shell need not have the secrets of the
 * destinations. Throws a StartError that lists the problems of these settings, and of a file that cannot be
 * read.
 */
export function readAdminAccess(sources: Omit<ConfigSources, 'destinationTypes'>): AdminAccess {
  const raw = gather({ ...sources, destinationTypes: [] });
  const places = Object.keys(table).flatMap((path) => raw.values.get(path)?.from ?? []);
  const faults = raw.faults.filter(
    (fault) => raw.fileBroken || places.some((place) => fault.startsWith(`${place}:`)),
  );
  const { values } = readTable(table, raw.values, (path) => `default: ${path}`, faults);
  if (faults.length > 0) throw new StartError(describeFaults(faults));
  return {
    listen: values.get('admin.listen') as Address,
    token: values.get('admin.token') as Secret | undefined,
    dataDir: values.get('data_dir') as string,
  };
}
