import { clickhouseType } from './clickhouse/type.ts';
import type { DestinationType } from './destination.ts';
import { kafkaType } from './kafka/type.ts';
import { moduleType } from './module/type.ts';
import { parquetType } from './parquet/type.ts';
import { postgresType } from './postgres/type.ts';
import { mixpanelType, posthogType, segmentType } from './vendor/vendor-types.ts';
import { webhookType } from './webhook/type.ts';

/**
 * Every type of destination, by the word in `type:`.
 *
 * The settings are here so that the configuration can be read without loading any implementation;
 * `create` loads its own, so that a gate which uses no webhook never loads an HTTP client.
 */
export const destinationTypes: readonly DestinationType[] = [
  {
    type: 'sqlite',
    settings: {
      path: {
        type: 'path',
        text: 'The database file, on a local disk. It and its folder are created.',
      },
      busy_timeout: {
        type: 'duration',
        default: '5s',
        min: '1ms',
        max: '1m',
        text: 'How long a batch waits for another program that is writing to the file.',
      },
    },
    async create(name, settings) {
      const { createSqliteDestination } = await import('./sqlite/sqlite.ts');
      return createSqliteDestination(name, settings);
    },
  },
  postgresType,
  clickhouseType,
  parquetType,
  webhookType,
  segmentType,
  posthogType,
  mixpanelType,
  kafkaType,
  moduleType,
];
