import { loadWithClient } from '../client-package.ts';
import type { DestinationType } from '../destination.ts';
import { tableSettings, tablesOf } from '../tables/table-mode.ts';

/** Rows in PostgreSQL: postgres.ts. */
export const postgresType: DestinationType = {
  type: 'postgres',
  startsFrom: 'earliest',
  secondCopies: 'It keeps one row for an event: a second copy is refused by event_id.',
  settings: {
    url: {
      type: 'url',
      text: 'The database: postgres://user@host:5432/database. A password may stand in it.',
    },
    password: {
      type: 'secret',
      default: null,
      text: 'The password of the user, as it is: in the URL it would have to be percent-encoded.',
    },
    table: {
      type: 'string',
      default: 'events',
      text: 'The table, with its schema where that is not the default: analytics.events. It is created.',
    },
    ...tableSettings,
    tls: {
      type: 'boolean',
      default: true,
      text: 'Connect by TLS alone, and check the certificate and its name.',
    },
    tls_ca: {
      type: 'path',
      default: null,
      text: 'The authority that signed the certificate, in PEM, where it is one of your own.',
    },
    timeout: {
      type: 'duration',
      default: '15s',
      min: '10ms',
      max: '5m',
      text: 'How long a connection or a statement may take. Keep it below ack_wait.',
    },
    concurrency: {
      type: 'integer',
      default: 2,
      min: 1,
      max: 32,
      text: 'Connections, and statements under way at once, from 1 to 32.',
    },
  },
  async previewTables(name, settings, contracts) {
    const { previewPostgresTables } = await loadWithClient(
      'postgres',
      'pg',
      () => import('./preview-tables.ts'),
    );
    return previewPostgresTables(name, settings, contracts);
  },
  async locateTables(name, settings) {
    const { mode, prefix } = tablesOf(name, settings);
    if (mode === 'events') return undefined;
    const { postgresDialect } = await import('./typed-statements.ts');
    const { table } = settings;
    const [schema = 'public'] = String(table).split('.').slice(0, -1);
    return {
      plan: { dialect: postgresDialect, prefix },
      schema,
      folder: undefined,
      hasViews: true,
      hasUniqueIds: true,
    };
  },
  async create(name, settings, context) {
    const { createPostgresDestination } = await loadWithClient(
      'postgres',
      'pg',
      () => import('./postgres.ts'),
    );
    return createPostgresDestination(name, settings, context);
  },
};
