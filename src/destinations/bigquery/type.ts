import { loadWithClient } from '../client-package.ts';
import type { DestinationType } from '../destination.ts';
import { tableSettings } from '../tables/table-mode.ts';

/** Rows in Google BigQuery: bigquery.ts. */
export const bigqueryType: DestinationType = {
  type: 'bigquery',
  startsFrom: 'earliest',
  secondCopies:
    'A second copy is dropped for ids_kept after the first came (7 days unless set). Later, the event is another row.',
  settings: {
    project: { type: 'string', text: 'The id of the project that has the dataset.' },
    dataset: { type: 'string', text: 'The dataset. It has to be there.' },
    table: {
      type: 'string',
      default: 'events',
      text: 'The table of all events. It is created.',
    },
    journal: {
      type: 'path',
      isMade: true,
      isOwn: true,
      text: 'A folder on a local disk, which says what was written where. It is created.',
    },
    ids_kept: {
      type: 'duration',
      default: '7d',
      min: '1s',
      text: 'How long after its first copy came a second copy of an event is known as one.',
    },
    busy_timeout: {
      type: 'duration',
      default: '5s',
      min: '1ms',
      max: '1m',
      text: 'How long a batch waits for the journal while another process writes to it.',
    },
    timeout: {
      type: 'duration',
      default: '20s',
      min: '100ms',
      max: '5m',
      text: 'How long a request may take. Keep it below ack_wait.',
    },
    endpoint: {
      type: 'url',
      default: null,
      text: 'Another address of the API that makes tables. With http:// no credentials are sent: for fakes alone.',
    },
    storage_endpoint: {
      type: 'url',
      default: null,
      text: 'Another address of the Storage Write API. With http:// no credentials are sent: for fakes alone.',
    },
    ...tableSettings,
  },
  async previewTables(name, settings, contracts) {
    const { previewBigqueryTables } = await import('./preview-tables.ts');
    return previewBigqueryTables(name, settings, contracts);
  },
  async create(name, settings, context) {
    const { createBigqueryDestination } = await loadWithClient(
      'bigquery',
      '@google-cloud/bigquery-storage',
      () => import('./bigquery.ts'),
    );
    return createBigqueryDestination(name, settings, context);
  },
};
