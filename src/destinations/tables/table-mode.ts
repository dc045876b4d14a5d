import { StartError } from '../../errors.ts';
import type { DestinationSetting } from '../destination.ts';

/** One table for all events, a table for each event, or both. */
export type TableMode = 'events' | 'per_event' | 'both';

/** SQLite keeps `sqlite_` for itself. */
const prefixForm = /^((?!sqlite_|pg_)[a-z][a-z0-9_]{0,15})?$/;

/** The settings of a destination with typed tables. */
export const tableSettings: Readonly<Record<'tables' | 'table_prefix', DestinationSetting>> = {
  tables: {
    type: 'enum',
    options: ['events', 'per_event', 'both'],
    default: 'events',
    text: 'Where rows go: one table for all events, a table with typed columns for each event, or both.',
  },
  table_prefix: {
    type: 'string',
    default: null,
    text: 'Put before the names of the tables of events, where the database has tables of others: hg_.',
  },
};

/** The mode and the prefix as they are set. Undefined if the prefix cannot begin a name. */
export function readTableSettings(
  settings: Readonly<Record<string, unknown>>,
): { readonly mode: TableMode; readonly prefix: string } | undefined {
  const mode = settings['tables'] ?? 'events';
  const prefix = String(settings['table_prefix'] ?? '');
  if (!prefixForm.test(prefix)) return undefined;
  return { mode: mode === 'per_event' || mode === 'both' ? mode : 'events', prefix };
}

/** The same. Throws a StartError that names the setting. */
export function tablesOf(
  name: string,
  settings: Readonly<Record<string, unknown>>,
): { readonly mode: TableMode; readonly prefix: string } {
  const tables = readTableSettings(settings);
  if (tables !== undefined) return tables;
  throw new StartError(`destinations.${name}.table_prefix: ${prefixFault}`);
}

const prefixFault =
  'use at most 16 of a-z, 0-9 and _, and begin with a letter, as in hg_, and not with sqlite_ or pg_';

/** Throws a StartError if the destination keeps columns by contract alone. */
export function expectWholeEvents(name: string, settings: Readonly<Record<string, unknown>>): void {
  if (settings['tables'] !== 'per_event') return;
  throw new StartError(
    `destinations.${name}.tables: columns by contract cannot be read as an archive; with tables: both ` +
      'whole events are stored beside them.',
  );
}
