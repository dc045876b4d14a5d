import path from 'node:path';

import { StartError } from '../../errors.ts';
import type { DestinationSettings } from '../destination.ts';
import { readAddress, readProject, type GoogleAddress } from '../google-client.ts';
import { tablesOf, type TableMode } from '../tables/table-mode.ts';

/** The settings of a `bigquery` destination, checked. */
export interface BigquerySettings {
  readonly project: string;
  readonly dataset: string;
  /** Of all events. */
  readonly table: string;
  readonly mode: TableMode;
  readonly prefix: string;
  /** The file of the journal. */
  readonly journal: string;
  readonly idsKeptMs: number;
  readonly busyTimeoutMs: number;
  readonly timeoutMs: number;
  /** Tables are made here. */
  readonly api: GoogleAddress;
  /** Rows are written here. */
  readonly storage: GoogleAddress;
}

const datasetText = /^\w{1,1024}$/;
const tableText = /^[A-Za-z_]\w{0,1023}$/;

/** Throws a StartError that names the setting to fix. */
export function readBigquerySettings(
  name: string,
  settings: DestinationSettings,
): BigquerySettings {
  const fail = (setting: string, text: string): never => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  const project = readProject(name, settings);
  const [dataset, table] = [String(settings['dataset']), String(settings['table'])];
  if (!datasetText.test(dataset)) fail('dataset', 'use letters, digits and _, as in analytics');
  if (!tableText.test(table)) fail('table', 'use letters, digits and _, as in events');
  const addressOf = (setting: string, host: string): GoogleAddress =>
    readAddress(`destinations.${name}.${setting}`, settings[setting], host);
  const timeoutMs = Number(settings['timeout']);
  if (!(timeoutMs > 0)) fail('timeout', 'give a duration above 0, such as 20s');
  return {
    project,
    dataset,
    table,
    ...tablesOf(name, settings),
    journal: path.join(path.resolve(String(settings['journal'])), 'journal.db'),
    idsKeptMs: Number(settings['ids_kept']),
    busyTimeoutMs: Number(settings['busy_timeout']),
    timeoutMs,
    api: addressOf('endpoint', 'bigquery.googleapis.com'),
    storage: addressOf('storage_endpoint', 'bigquerystorage.googleapis.com'),
  };
}
