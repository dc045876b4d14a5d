import { loadWithClient } from '../client-package.ts';
import type { DestinationType } from '../destination.ts';
import { tableSettings, tablesOf } from '../tables/table-mode.ts';

/** Rows in ClickHouse: clickhouse.ts. */
export const clickhouseType: DestinationType = {
  type: 'clickhouse',
  startsFrom: 'earliest',
  secondCopies:
    'SELECT ... FINAL shows an event once. Without FINAL, both copies may be counted until they are merged.',
  settings: {
    url: {
      type: 'url',
      text: 'The HTTP interface: https://host:8443, without a user, password or path in it.',
    },
    user: { type: 'string', default: 'default', text: 'Who inserts.' },
    password: { type: 'secret', default: null, text: 'The password of the user.' },
    database: { type: 'string', default: 'default', text: 'The database. It has to be there.' },
    table: { type: 'string', default: 'events', text: 'The table. It is created.' },
    tls_ca: {
      type: 'path',
      default: null,
      text: 'The authority that signed the certificate, in PEM, where it is one of your own.',
    },
    timeout: {
      type: 'duration',
      default: '20s',
      min: '10ms',
      max: '5m',
      text: 'How long an insert may take. Keep it below ack_wait.',
    },
    concurrency: {
      type: 'integer',
      default: 2,
      min: 1,
      max: 32,
      text: 'Inserts under way at once, from 1 to 32. ClickHouse likes few and large ones.',
    },
    ...tableSettings,
  },
  async previewTables(name, settings, contracts) {
    const { previewClickhouseTables } = await loadWithClient(
      'clickhouse',
      '@clickhouse/client',
      () => import('./preview-tables.ts'),
    );
    return previewClickhouseTables(name, settings, contracts);
  },
  async locateTables(name, settings) {
    const { mode, prefix } = tablesOf(name, settings);
    if (mode === 'events') return undefined;
    const { clickhouseDialect } = await import('./typed-statements.ts');
    return {
      plan: { dialect: clickhouseDialect, prefix },
      schema: String(settings['database']),
      folder: undefined,
      hasViews: true,
      hasUniqueIds: false,
    };
  },
  async create(name, settings, context) {
    const { createClickhouseDestination } = await loadWithClient(
      'clickhouse',
      '@clickhouse/client',
      () => import('./clickhouse.ts'),
    );
    return createClickhouseDestination(name, settings, context);
  },
};
