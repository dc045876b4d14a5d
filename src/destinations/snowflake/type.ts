import { loadWithClient } from '../client-package.ts';
import type { DestinationType } from '../destination.ts';
import { tableSettings } from '../tables/table-mode.ts';

/** Rows in Snowflake: snowflake.ts. */
export const snowflakeType: DestinationType = {
  type: 'snowflake',
  startsFrom: 'earliest',
  secondCopies:
    'A second copy is dropped for ids_kept after the first came (30 days unless set). Later, the event is another row.',
  settings: {
    account: {
      type: 'string',
      text: 'The identifier of the account: myorg-myaccount.',
    },
    user: { type: 'string', text: 'The name of the user.' },
    private_key: {
      type: 'secret',
      default: null,
      text: 'The private key of the user, in PEM.',
    },
    private_key_file: {
      type: 'path',
      default: null,
      text: 'The file that has the private key, in PEM.',
    },
    private_key_passphrase: {
      type: 'secret',
      default: null,
      text: 'The passphrase of the private key, if it is encrypted.',
    },
    token: {
      type: 'secret',
      default: null,
      text: 'A programmatic access token of the user, in place of a key.',
    },
    password: {
      type: 'secret',
      default: null,
      text: 'The password of the user, in place of a key, where the account still allows it.',
    },
    role: {
      type: 'string',
      default: null,
      text: 'The role to use, if it is not the default role of the user.',
    },
    warehouse: { type: 'string', text: 'The warehouse that loads and merges.' },
    database: { type: 'string', text: 'The database. It has to be there.' },
    schema: { type: 'string', default: 'PUBLIC', text: 'The schema. It has to be there.' },
    table: {
      type: 'string',
      default: 'events',
      text: 'The table of all events. It is created.',
    },
    spool: {
      type: 'path',
      isMade: true,
      text: 'A folder on a local disk, where a batch is a file until it is uploaded. It is created.',
    },
    ids_kept: {
      type: 'duration',
      default: '30d',
      min: '1h',
      max: '3650d',
      text: 'How long after its first copy came a second copy of an event is known as one.',
    },
    load_interval: {
      type: 'duration',
      default: '0s',
      max: '4m',
      text: 'The least time between the beginnings of two batches: a longer one lets the warehouse rest.',
    },
    timeout: {
      type: 'duration',
      default: '1m',
      min: '100ms',
      max: '2m',
      text: 'How long a statement may take.',
    },
    endpoint: {
      type: 'url',
      default: null,
      text: 'Another address, such as that of a private link. http:// is for fakes on this machine alone.',
    },
    ...tableSettings,
  },
  async previewTables(name, settings, contracts) {
    const { previewSnowflakeTables } = await import('./preview-tables.ts');
    return previewSnowflakeTables(name, settings, contracts);
  },
  async create(name, settings, context) {
    const { createSnowflakeDestination } = await loadWithClient(
      'snowflake',
      'snowflake-sdk',
      () => import('./snowflake.ts'),
    );
    return createSnowflakeDestination(name, settings, context);
  },
};
