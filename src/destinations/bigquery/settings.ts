import path from 'node:path';

import { StartError } from '../../errors.ts';
import type { DestinationSettings } from '../destination.ts';
import { tablesOf, type TableMode } from '../tables/table-mode.ts';

/** An address of one of the two services of BigQuery. */
export interface BigqueryAddress {
  /** Host, with a port if it is not 443. */
  readonly host: string;
  /** False with `http://`: in the clear, without credentials. */
  readonly isSecure: boolean;
}

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
  readonly api: BigqueryAddress;
  /** Rows are written here. */
  readonly storage: BigqueryAddress;
}

/** Also `example.com:my-project`, of domains that had projects before 2013. */
const projectText = /^(?:[a-z\d.-]{1,253}:)?[a-z][a-z\d-]{3,61}[a-z\d]$/;
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
  const [project, dataset, table] = ['project', 'dataset', 'table'].map((key) =>
    String(settings[key]),
  ) as [string, string, string];
  if (!projectText.test(project)) fail('project', 'it is not the id of a project: my-project');
  if (!datasetText.test(dataset)) fail('dataset', 'use letters, digits and _, as in analytics');
  if (!tableText.test(table)) fail('table', 'use letters, digits and _, as in events');
  const addressOf = (setting: string, host: string): BigqueryAddress => {
    const given = settings[setting] ?? null;
    if (given === null) return { host, isSecure: true };
    const url = URL.parse(String(given));
    if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/') {
      return fail(setting, `give a scheme, a host and a port, such as https://${host}`);
    }
    if (url.username !== '' || url.password !== '') {
      fail(
        setting,
        'leave out the user and password: credentials come from the environment of Google',
      );
    }
    return { host: url.host, isSecure: url.protocol === 'https:' };
  };
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
